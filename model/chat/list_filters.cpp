// Filters of lists, and of whatever can be walked. What Jinja2 gives as a generator is one here,
// too: it is true, has no length, and can be walked once.

#include <algorithm>

#include "model/chat/filters.hpp"
#include "model/chat/merge_sort.hpp"
#include "model/chat/operators.hpp"
#include "model/chat/print.hpp"
#include "model/chat/tests.hpp"
#include "model/chat/text_operations.hpp"

namespace thespis::model::chat {
namespace {

Value length_filter(Runtime&, const Value& input, Arguments arguments) {
  bind<0>("length", std::move(arguments), {});
  const auto count = length(input);
  if (!count) throw Fault(fmt::format("object of type '{}' has no len()", type_name(input)));
  return Value(*count);
}

Value first(Runtime& runtime, const Value& input, Arguments arguments) {
  bind<0>("first", std::move(arguments), {});
  if (const auto* held = input.get_if<std::shared_ptr<Generator>>()) {
    Generator& generator = **held;
    if (generator.next < generator.items.size()) return generator.items[generator.next++];
  } else if (const Sequence* sequence = input.sequence()) {
    if (!sequence->items.empty()) return sequence->items.front();
  } else if (input.is(Kind::kText)) {
    if (!input.str().empty()) return item(runtime, input, Value(int64_t{0}));
  } else if (const Items items = iterate(runtime, input); !items.empty()) {
    return items.front();
  }
  return runtime.undefined("No first item, sequence was empty.");
}

Value last(Runtime& runtime, const Value& input, Arguments arguments) {
  bind<0>("last", std::move(arguments), {});
  if (!length(input)) throw Fault(fmt::format("'{}' object is not reversible", type_name(input)));
  if (const Sequence* sequence = input.sequence()) {
    if (!sequence->items.empty()) return sequence->items.back();
  } else if (input.is(Kind::kText)) {
    if (!input.str().empty()) return item(runtime, input, Value(int64_t{-1}));
  } else if (const Items items = iterate(runtime, input); !items.empty()) {
    return items.back();
  }
  return runtime.undefined("No last item, sequence was empty.");
}

Value list(Runtime& runtime, const Value& input, Arguments arguments) {
  bind<0>("list", std::move(arguments), {});
  return runtime.list(iterate(runtime, input));
}

Value reverse(Runtime& runtime, const Value& input, Arguments arguments) {
  bind<0>("reverse", std::move(arguments), {});
  if (input.is(Kind::kText))
    return slice(runtime, input, Value::none(), Value::none(), Value(int64_t{-1}));
  if (!is_iterable(input)) throw Fault("argument must be iterable");
  Items items = iterate(runtime, input);
  std::reverse(items.begin(), items.end());
  if (input.is(Kind::kGenerator)) return runtime.list(std::move(items));
  return runtime.generator(std::move(items));
}

Value join(Runtime& runtime, const Value& input, Arguments arguments) {
  const auto p = bind<2>("join", std::move(arguments), {"d", "attribute"});
  const std::string between = p.given[0] ? str(runtime, p[0]) : "";
  const bool looks_up = p.given[1] && !p[1].is(Kind::kNone);
  Builder out(runtime);
  bool begins = true;
  for (const Value& one : iterate(runtime, input)) {
    runtime.step();
    if (!begins) out.add(between);
    begins = false;
    out.add(str(runtime, looks_up ? lookup(runtime, one, p[1], nullptr) : one));
  }
  return out.take();
}

Value map(Runtime& runtime, const Value& input, Arguments arguments) {
  Items mapped;
  if (!truth(input)) return runtime.generator({});
  const Items items = iterate(runtime, input);
  const bool by_attribute = arguments.positional.empty() && !arguments.named.empty() &&
                            std::ranges::any_of(arguments.named, [](const auto& one) {
                              return one.first == "attribute";
                            });
  if (by_attribute) {
    const auto p = bind<2>("map", std::move(arguments), {"attribute", "default"});
    const Value* absent = p.given[1] && !p[1].is(Kind::kNone) ? &p[1] : nullptr;
    for (const Value& one : items) mapped.push_back(lookup(runtime, one, p[0], absent));
    return runtime.generator(std::move(mapped));
  }
  if (arguments.positional.empty()) throw Fault("map requires a filter argument");
  const std::string name = str(runtime, arguments.positional.front());
  arguments.positional.erase(arguments.positional.begin());
  const FilterEntry* filter = find_filter(name);
  if (filter == nullptr) throw Fault(fmt::format("the filter `{}` is not supported", name));
  for (const Value& one : items) {
    runtime.step();
    mapped.push_back(apply_filter(runtime, *filter, one, arguments));
  }
  return runtime.generator(std::move(mapped));
}

/// select, reject, selectattr and rejectattr.
Value choose(Runtime& runtime, const Value& input, Arguments arguments, bool looks_up,
             bool wanted) {
  if (!truth(input)) return runtime.generator({});
  auto& positional = arguments.positional;
  Value path;
  if (looks_up) {
    if (positional.empty()) throw Fault("Missing parameter for attribute name");
    path = positional.front();
    positional.erase(positional.begin());
  }
  const TestEntry* test = nullptr;
  if (!positional.empty()) {
    const std::string name = str(runtime, positional.front());
    positional.erase(positional.begin());
    test = find_test(name);
    if (test == nullptr) throw Fault(fmt::format("the test `{}` is not supported", name));
  }
  Items chosen;
  for (Value& one : iterate(runtime, input)) {
    runtime.step();
    const Value value = looks_up ? lookup(runtime, one, path, nullptr) : one;
    const bool holds =
        test == nullptr ? truth(value) : apply_test(runtime, *test, value, arguments);
    if (holds == wanted) chosen.push_back(std::move(one));
  }
  return runtime.generator(std::move(chosen));
}

Value select(Runtime& runtime, const Value& input, Arguments arguments) {
  return choose(runtime, input, std::move(arguments), false, true);
}
Value reject(Runtime& runtime, const Value& input, Arguments arguments) {
  return choose(runtime, input, std::move(arguments), false, false);
}
Value select_attribute(Runtime& runtime, const Value& input, Arguments arguments) {
  return choose(runtime, input, std::move(arguments), true, true);
}
Value reject_attribute(Runtime& runtime, const Value& input, Arguments arguments) {
  return choose(runtime, input, std::move(arguments), true, false);
}

/// `items` in the order of their `keys`, which are as many.
Items sorted(Runtime& runtime, const Items& items, const Items& keys, bool backwards) {
  std::vector<size_t> order(items.size());
  for (size_t i = 0; i < order.size(); ++i) order[i] = i;
  merge_sort(order, [&](size_t a, size_t b) {
    return backwards ? compare(runtime, Order::kLess, keys[b], keys[a])
                     : compare(runtime, Order::kLess, keys[a], keys[b]);
  });
  Items out;
  for (const size_t place : order) out.push_back(items[place]);
  return out;
}

Value sort(Runtime& runtime, const Value& input, Arguments arguments) {
  const auto p = bind<3>("sort", std::move(arguments), {"reverse", "case_sensitive", "attribute"});
  const Items items = iterate(runtime, input);
  std::vector<Value> paths;
  if (p[2].is(Kind::kText))
    for (const auto path : split_at(runtime, p[2].str(), ",", -1, Ends::kLeft))
      paths.push_back(runtime.text(std::string(path)));
  else if (p.given[2] && !p[2].is(Kind::kNone))
    paths.push_back(p[2]);
  const bool exact = truth(p[1]);
  const auto key_part = [&](Value value) { return exact ? value : ignoring_case(runtime, value); };
  Items keys;
  for (const Value& one : items) {
    if (paths.empty()) {
      keys.push_back(key_part(one));
      continue;
    }
    Items parts;
    for (const Value& path : paths) parts.push_back(key_part(lookup(runtime, one, path, nullptr)));
    keys.push_back(runtime.list(std::move(parts)));
  }
  return runtime.list(sorted(runtime, items, keys, truth(p[0])));
}

Value dictsort(Runtime& runtime, const Value& input, Arguments arguments) {
  const auto p = bind<3>("dictsort", std::move(arguments), {"case_sensitive", "by", "reverse"});
  const Dict* dict = input.dict();
  if (dict == nullptr)
    throw Fault(fmt::format("dictsort expects a dict, not {}", type_name(input)));
  const std::string by = p.given[1] ? str(runtime, p[1]) : "key";
  if (by != "key" && by != "value") throw Fault("You can only sort by either \"key\" or \"value\"");
  Items items, keys;
  for (const auto& [key, value] : dict->entries) {
    items.push_back(runtime.tuple({key, value}));
    const Value& sort_by = by == "key" ? key : value;
    keys.push_back(truth(p[0]) ? sort_by : ignoring_case(runtime, sort_by));
  }
  return runtime.list(sorted(runtime, items, keys, truth(p[2])));
}

Value unique(Runtime& runtime, const Value& input, Arguments arguments) {
  const auto p = bind<2>("unique", std::move(arguments), {"case_sensitive", "attribute"});
  Items kept;
  Dict seen;
  for (const Value& one : iterate(runtime, input)) {
    Value key = p.given[1] && !p[1].is(Kind::kNone) ? lookup(runtime, one, p[1], nullptr) : one;
    if (!truth(p[0])) key = ignoring_case(runtime, key);
    check_key(key);
    const size_t before = seen.entries.size();
    runtime.set(seen, key, Value(true));
    if (seen.entries.size() > before) kept.push_back(one);
  }
  return runtime.generator(std::move(kept));
}

Value extreme(Runtime& runtime, const Value& input, Arguments arguments, Order order,
              std::string_view name) {
  const auto p = bind<2>(name, std::move(arguments), {"case_sensitive", "attribute"});
  Value best, best_key;
  bool any = false;
  for (const Value& one : iterate(runtime, input)) {
    Value key = p.given[1] && !p[1].is(Kind::kNone) ? lookup(runtime, one, p[1], nullptr) : one;
    if (!truth(p[0])) key = ignoring_case(runtime, key);
    if (any && !compare(runtime, order, key, best_key)) continue;
    best = one, best_key = std::move(key), any = true;
  }
  if (any) return best;
  return runtime.undefined("No aggregated item, sequence was empty.");
}

Value min(Runtime& runtime, const Value& input, Arguments arguments) {
  return extreme(runtime, input, std::move(arguments), Order::kLess, "min");
}
Value max(Runtime& runtime, const Value& input, Arguments arguments) {
  return extreme(runtime, input, std::move(arguments), Order::kGreater, "max");
}

Value sum(Runtime& runtime, const Value& input, Arguments arguments) {
  const auto p = bind<2>("sum", std::move(arguments), {"attribute", "start"});
  Value total = p.or_else(1, Value(int64_t{0}));
  if (total.is(Kind::kText)) throw Fault("sum() can't sum strings");
  const bool looks_up = p.given[0] && !p[0].is(Kind::kNone);
  for (const Value& one : iterate(runtime, input))
    total = arithmetic(runtime, Arithmetic::kAdd, total,
                       looks_up ? lookup(runtime, one, p[0], nullptr) : one);
  return total;
}

Value batch(Runtime& runtime, const Value& input, Arguments arguments) {
  const auto p = bind<2>("batch", std::move(arguments), {"linecount", "fill_with"}, 1);
  const int64_t count = integer_of(p[0], "the linecount of batch");
  Items batches, row;
  const auto flush = [&] { batches.push_back(runtime.list(std::exchange(row, {}))); };
  for (const Value& one : iterate(runtime, input)) {
    runtime.step();
    if (static_cast<int64_t>(row.size()) == count) flush();
    row.push_back(one);
  }
  if (!row.empty()) {
    const bool fills = p.given[1] && !p[1].is(Kind::kNone);
    while (fills && static_cast<int64_t>(row.size()) < count) {
      runtime.step();
      row.push_back(p[1]);
    }
    flush();
  }
  return runtime.generator(std::move(batches));
}

Value slice_filter(Runtime& runtime, const Value& input, Arguments arguments) {
  const auto p = bind<2>("slice", std::move(arguments), {"slices", "fill_with"}, 1);
  const int64_t slices = integer_of(p[0], "the slices of slice");
  const Items items = iterate(runtime, input);
  if (slices == 0) throw Fault("integer division or modulo by zero");
  Items rows;
  size_t next = 0;
  for (int64_t i = 0; i < slices; ++i) {
    runtime.step();
    const auto size = static_cast<int64_t>(items.size());
    const bool extra = i < size % slices;
    Items row;
    for (int64_t n = size / slices + (extra ? 1 : 0); n > 0; --n) row.push_back(items[next++]);
    if (p.given[1] && !p[1].is(Kind::kNone) && !extra) row.push_back(p[1]);
    rows.push_back(runtime.list(std::move(row)));
  }
  return runtime.generator(std::move(rows));
}

Value items_filter(Runtime& runtime, const Value& input, Arguments arguments) {
  bind<0>("items", std::move(arguments), {});
  if (input.is(Kind::kUndefined)) return runtime.generator({});
  const Dict* dict = input.dict();
  if (dict == nullptr) throw Fault("Can only get item pairs from a mapping.");
  Items pairs;
  for (const auto& [key, value] : dict->entries) pairs.push_back(runtime.tuple({key, value}));
  return runtime.generator(std::move(pairs));
}

}  // namespace

const std::vector<FilterEntry>& list_filters() {
  static const std::vector<FilterEntry> kEntries = {
      {"length", length_filter},
      {"count", length_filter},
      {"first", first},
      {"last", last},
      {"list", list},
      {"reverse", reverse},
      {"join", join},
      {"map", map},
      {"select", select},
      {"reject", reject},
      {"selectattr", select_attribute},
      {"rejectattr", reject_attribute},
      {"sort", sort},
      {"dictsort", dictsort},
      {"unique", unique},
      {"min", min},
      {"max", max},
      {"sum", sum},
      {"batch", batch},
      {"slice", slice_filter},
      {"items", items_filter},
  };
  return kEntries;
}

}  // namespace thespis::model::chat
