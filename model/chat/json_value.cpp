#include "model/chat/json_value.hpp"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "model/chat/literal.hpp"
#include "runtime/base/error.hpp"

namespace thespis::model::chat {
namespace {

/// Builds values from the events of the parser, which does not recurse.
class Reader : public nlohmann::json_sax<nlohmann::json> {
 public:
  bool null() override { return add(Value::none()); }
  bool boolean(bool value) override { return add(Value(value)); }
  bool number_integer(number_integer_t value) override { return add(Value(int64_t{value})); }
  bool number_unsigned(number_unsigned_t value) override {
    if (value <= INT64_MAX) return add(Value(static_cast<int64_t>(value)));
    return add(integer_value(std::to_string(value)));
  }
  bool number_float(number_float_t value, const string_t& digits) override {
    const bool whole = digits.find_first_of(".eE") == digits.npos;
    return add(whole ? integer_value(digits) : Value(double{value}));
  }
  bool string(string_t& value) override { return add(Value::text(std::move(value))); }
  bool binary(binary_t&) override { return false; }
  bool key(string_t& key) override {
    open_.back().key = Value::text(std::move(key));
    return true;
  }
  bool start_object(size_t) override { return open(true); }
  bool start_array(size_t) override { return open(false); }
  bool end_object() override {
    auto dict = std::make_shared<Dict>(std::move(open_.back().dict));
    open_.pop_back();
    return add(Value(std::shared_ptr<const Dict>(std::move(dict))));
  }
  bool end_array() override {
    auto list = std::make_shared<Sequence>();
    list->items = std::move(open_.back().items);
    list->depth = depth_over(list->items);
    open_.pop_back();
    return add(Value(std::shared_ptr<const Sequence>(std::move(list))));
  }
  bool parse_error(size_t position, const std::string&,
                   const nlohmann::detail::exception&) override {
    error = fmt::format("not JSON, from byte {}", position);
    return false;
  }

  Value result;
  std::string error = "not JSON";

 private:
  struct Open {
    bool is_object = false;
    Items items;
    Dict dict;
    Value key;
  };

  bool open(bool is_object) {
    if (open_.size() == kValueDepthMax) {
      error = fmt::format("nested more than {} deep", kValueDepthMax);
      return false;
    }
    open_.emplace_back().is_object = is_object;
    return true;
  }

  bool add(Value value) {
    if (open_.empty())
      result = std::move(value);
    else if (open_.back().is_object)
      open_.back().dict.set(open_.back().key, std::move(value));
    else
      open_.back().items.push_back(std::move(value));
    return true;
  }

  std::vector<Open> open_;
};

}  // namespace

Value parse_json(std::string_view text, const std::string& place) {
  Reader reader;
  if (!nlohmann::json::sax_parse(text.begin(), text.end(), &reader))
    throw InputError(fmt::format("{}: {}", place, reader.error));
  return std::move(reader.result);
}

}  // namespace thespis::model::chat
