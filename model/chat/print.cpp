#include "model/chat/print.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>

#include <fmt/format.h>

#include "model/chat/characters.hpp"
#include "model/chat/macro.hpp"
#include "model/chat/merge_sort.hpp"
#include "model/chat/operators.hpp"

namespace thespis::model::chat {
namespace {

void add_text_repr(Builder& out, std::string_view text) {
  const bool quotes = text.find('\'') != text.npos && text.find('"') == text.npos;
  const char quote = quotes ? '"' : '\'';
  out.add({&quote, 1});
  while (!text.empty()) {
    const std::string_view at = text;
    const char32_t c = take_character(text);
    const auto code = static_cast<uint32_t>(c);
    if (c == U'\\' || c == static_cast<char32_t>(quote))
      out.add(fmt::format("\\{}", static_cast<char>(c)));
    else if (c == U'\n')
      out.add("\\n");
    else if (c == U'\r')
      out.add("\\r");
    else if (c == U'\t')
      out.add("\\t");
    else if (is_printable(c))
      out.add(at.substr(0, at.size() - text.size()));
    else
      out.add(code < 0x100     ? fmt::format("\\x{:02x}", code)
              : code < 0x10000 ? fmt::format("\\u{:04x}", code)
                               : fmt::format("\\U{:08x}", code));
  }
  out.add({&quote, 1});
}

void add_repr(Runtime& runtime, Builder& out, const Value& value);

void add_items(Runtime& runtime, Builder& out, const Items& items) {
  for (size_t i = 0; i < items.size(); ++i) {
    if (i > 0) out.add(", ");
    add_repr(runtime, out, items[i]);
  }
}

void add_sequence(Runtime& runtime, Builder& out, const Sequence& sequence) {
  switch (sequence.type) {
    case SequenceType::kList:
      out.add("[");
      add_items(runtime, out, sequence.items);
      return out.add("]");
    case SequenceType::kTuple:
      out.add("(");
      add_items(runtime, out, sequence.items);
      return out.add(sequence.items.size() == 1 ? ",)" : ")");
    case SequenceType::kRange:
      throw Fault("a range cannot be printed; `| list` makes a list of it");
    case SequenceType::kKeys:
      out.add("dict_keys([");
      break;
    case SequenceType::kValues:
      out.add("dict_values([");
      break;
    case SequenceType::kPairs:
      out.add("dict_items([");
      break;
  }
  add_items(runtime, out, sequence.items);
  out.add("])");
}

void add_repr(Runtime& runtime, Builder& out, const Value& value) {
  runtime.step();
  runtime.read(value);
  switch (value.kind()) {
    case Kind::kUndefined:
      return out.add("Undefined");
    case Kind::kNone:
      return out.add("None");
    case Kind::kBoolean:
      return out.add(value.get<bool>() ? "True" : "False");
    case Kind::kInteger:
      return out.add(std::to_string(value.get<int64_t>()));
    case Kind::kBigInteger:
      return out.add(*value.get<BigInteger>().digits);
    case Kind::kFloat:
      return out.add(float_text(value.get<double>()));
    case Kind::kText:
      return add_text_repr(out, value.str());
    case Kind::kSequence:
      return add_sequence(runtime, out, *value.sequence());
    case Kind::kDict: {
      out.add("{");
      bool first = true;
      for (const auto& [key, held] : value.dict()->entries) {
        if (!first) out.add(", ");
        first = false;
        add_repr(runtime, out, key);
        out.add(": ");
        add_repr(runtime, out, held);
      }
      return out.add("}");
    }
    case Kind::kMacro:
      return out.add(
          fmt::format("<Macro '{}'>", name_of(*value.get<std::shared_ptr<const Macro>>())));
    case Kind::kLoop: {
      const Loop& loop = *value.get<std::shared_ptr<Loop>>();
      return out.add(fmt::format("<LoopContext {}/{}>", loop.index + 1, loop.items.size()));
    }
    default:
      throw Fault(fmt::format("a {} cannot be printed{}", type_name(value),
                              value.is(Kind::kGenerator) ? "; `| list` makes a list of it" : ""));
  }
}

void add_json_text(Builder& out, std::string_view text, bool ascii) {
  out.add("\"");
  while (!text.empty()) {
    const std::string_view at = text;
    const char32_t c = take_character(text);
    const auto code = static_cast<uint32_t>(c);
    constexpr std::string_view kShort = "\"\\\n\r\t\b\f", kLetters = "\"\\nrtbf";
    const size_t place = c < 0x80 ? kShort.find(static_cast<char>(c)) : kShort.npos;
    if (place != kShort.npos)
      out.add(fmt::format("\\{}", kLetters[place]));
    else if (c < 0x20 || (ascii && c > 0x7F && c < 0x10000))
      out.add(fmt::format("\\u{:04x}", code));
    else if (ascii && c >= 0x10000)
      out.add(fmt::format("\\u{:04x}\\u{:04x}", 0xD800 + ((code - 0x10000) >> 10),
                          0xDC00 + ((code - 0x10000) & 0x3FF)));
    else
      out.add(at.substr(0, at.size() - text.size()));
  }
  out.add("\"");
}

std::string json_float(double value) {
  if (std::isnan(value)) return "NaN";
  if (std::isinf(value)) return value > 0 ? "Infinity" : "-Infinity";
  return float_text(value);
}

class JsonWriter {
 public:
  JsonWriter(Runtime& runtime, const JsonForm& form)
      : runtime_(runtime), form_(form), out_(runtime) {}

  void add(const Value& value) {
    runtime_.step();
    runtime_.read(value);
    if (value.is(Kind::kText)) return add_json_text(out_, value.str(), form_.ascii);
    const Sequence* sequence = value.sequence();
    if (sequence != nullptr && sequence->type <= SequenceType::kTuple) return add_list(*sequence);
    if (const Dict* dict = value.dict()) return add_dict(*dict);
    const auto scalar = scalar_text(value);
    if (!scalar)
      throw Fault(fmt::format("Object of type {} is not JSON serializable", type_name(value)));
    out_.add(*scalar);
  }
  std::string take() { return out_.take_string(); }

 private:
  static std::optional<std::string> scalar_text(const Value& value) {
    switch (value.kind()) {
      case Kind::kNone:
        return "null";
      case Kind::kBoolean:
        return value.get<bool>() ? "true" : "false";
      case Kind::kInteger:
        return std::to_string(value.get<int64_t>());
      case Kind::kBigInteger:
        return *value.get<BigInteger>().digits;
      case Kind::kFloat:
        return json_float(value.get<double>());
      default:
        return std::nullopt;
    }
  }

  void line() {
    if (!form_.indented) return;
    out_.add("\n");
    out_.add(form_.indent, level_);
  }
  void separate(bool first) {
    if (!first) out_.add(form_.item_separator);
    line();
  }

  void add_list(const Sequence& list) {
    if (list.items.empty()) return out_.add("[]");
    out_.add("[");
    ++level_;
    for (size_t i = 0; i < list.items.size(); ++i) {
      separate(i == 0);
      add(list.items[i]);
    }
    --level_;
    line();
    out_.add("]");
  }

  void add_dict(const Dict& dict) {
    if (dict.entries.empty()) return out_.add("{}");
    std::vector<const std::pair<Value, Value>*> entries;
    for (const auto& entry : dict.entries) entries.push_back(&entry);
    if (form_.sorted)
      merge_sort(entries, [this](const auto* a, const auto* b) {
        return compare(runtime_, Order::kLess, a->first, b->first);
      });
    out_.add("{");
    ++level_;
    for (size_t i = 0; i < entries.size(); ++i) {
      separate(i == 0);
      const Value& key = entries[i]->first;
      runtime_.read(key);
      const auto scalar = scalar_text(key);
      if (!scalar && !key.is(Kind::kText))
        throw Fault(
            fmt::format("keys must be str, int, float, bool or None, not {}", type_name(key)));
      add_json_text(out_, scalar ? *scalar : key.str(), form_.ascii);
      out_.add(form_.key_separator);
      add(entries[i]->second);
    }
    --level_;
    line();
    out_.add("}");
  }

  Runtime& runtime_;
  const JsonForm& form_;
  Builder out_;
  int64_t level_ = 0;
};

}  // namespace

std::string str(Runtime& runtime, const Value& value) {
  if (value.is(Kind::kUndefined)) return "";
  runtime.read(value);
  if (value.is(Kind::kText)) return value.str();
  return repr(runtime, value);
}

std::string repr(Runtime& runtime, const Value& value) {
  Builder out(runtime);
  add_repr(runtime, out, value);
  return out.take_string();
}

std::string float_text(double value) {
  if (std::isnan(value)) return "nan";
  if (std::isinf(value)) return value > 0 ? "inf" : "-inf";
  char buffer[64];
  const auto end =
      std::to_chars(buffer, buffer + sizeof buffer, value, std::chars_format::scientific);
  std::string_view text(buffer, static_cast<size_t>(end.ptr - buffer));
  const std::string sign = text.front() == '-' ? "-" : "";
  text.remove_prefix(sign.size());
  const size_t e = text.find('e');
  int exponent = 0;
  const char* digits = text.data() + e + 1;
  std::from_chars(*digits == '+' ? digits + 1 : digits, text.data() + text.size(), exponent);
  std::string mantissa(text.substr(0, e));
  if (exponent < -4 || exponent >= 16)
    return fmt::format("{}{}e{}{:02}", sign, mantissa, exponent < 0 ? '-' : '+',
                       std::abs(exponent));
  std::erase(mantissa, '.');
  if (exponent < 0) return fmt::format("{}0.{:0>{}}{}", sign, "", -exponent - 1, mantissa);
  const std::string_view all = mantissa;
  const size_t whole = std::min(static_cast<size_t>(exponent) + 1, all.size());
  const std::string_view fraction = all.substr(whole);
  return fmt::format("{}{:0<{}}.{}", sign, all.substr(0, whole), exponent + 1,
                     fraction.empty() ? "0" : fraction);
}

std::string json(Runtime& runtime, const Value& value, const JsonForm& form) {
  JsonWriter writer(runtime, form);
  writer.add(value);
  return writer.take();
}

}  // namespace thespis::model::chat
