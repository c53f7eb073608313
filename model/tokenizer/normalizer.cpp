#include "model/tokenizer/normalizer.hpp"

#include <utf8proc.h>

#include <algorithm>
#include <cstdlib>
#include <memory>
#include <new>

#include "model/tokenizer/parts.hpp"
#include "runtime/base/error.hpp"

namespace thespis::model {
namespace {

/// The first character that NFC may change or compose is U+0300, whose first byte is 0xcc.
bool is_surely_nfc(std::string_view text) {
  return std::ranges::all_of(text, [](char c) { return static_cast<uint8_t>(c) < 0xcc; });
}

}  // namespace

Normalizer Normalizer::read(const JsonFields& document) {
  Normalizer normalizer;
  for (const Step& step : read_steps(document, "normalizer", "normalizers")) {
    if (step.type != "NFC") refuse_step(document, step, "null, NFC, Sequence");
    normalizer.nfc_ = true;
  }
  return normalizer;
}

std::string_view Normalizer::apply(std::string_view text, std::string& buffer) const {
  if (!nfc_ || is_surely_nfc(text)) return text;
  utf8proc_uint8_t* result = nullptr;
  const auto size =
      utf8proc_map(reinterpret_cast<const utf8proc_uint8_t*>(text.data()),
                   static_cast<utf8proc_ssize_t>(text.size()), &result,
                   static_cast<utf8proc_option_t>(UTF8PROC_STABLE | UTF8PROC_COMPOSE));
  const std::unique_ptr<utf8proc_uint8_t, void (*)(void*)> owner(result, std::free);
  if (size == UTF8PROC_ERROR_NOMEM) throw std::bad_alloc();
  if (size < 0) throw Error(std::string("text cannot be normalised: ") + utf8proc_errmsg(size));
  buffer.assign(reinterpret_cast<const char*>(result), static_cast<size_t>(size));
  return buffer;
}

}  // namespace thespis::model
