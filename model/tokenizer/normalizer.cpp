#include "model/tokenizer/normalizer.hpp"

#include <utf8proc.h>

#include <algorithm>
#include <array>
#include <vector>

#include "model/tokenizer/parts.hpp"
#include "model/tokenizer/utf8.hpp"
#include "runtime/base/assert.hpp"
#include "runtime/base/error.hpp"

namespace thespis::model {
namespace {

/// The first character that NFC may change or compose is U+0300, whose first byte is 0xcc.
bool is_surely_nfc(std::string_view text) {
  return std::ranges::all_of(text, [](char c) { return static_cast<uint8_t>(c) < 0xcc; });
}

constexpr auto kCompose = static_cast<utf8proc_option_t>(UTF8PROC_STABLE | UTF8PROC_COMPOSE);

std::vector<utf8proc_int32_t> decompose(std::string_view text) {
  std::vector<utf8proc_int32_t> codes;
  codes.reserve(text.size() + 1);
  std::array<utf8proc_int32_t, 8> parts;  // Canonical decompositions have at most four.
  while (!text.empty()) {
    const auto code = static_cast<utf8proc_int32_t>(utf8_code_point(text));
    text.remove_prefix(utf8_length(text, 0));
    const auto size = utf8proc_decompose_char(
        code, parts.data(), static_cast<utf8proc_ssize_t>(parts.size()), kCompose, nullptr);
    THESPIS_ASSERT(size > 0 && static_cast<size_t>(size) <= parts.size());
    codes.insert(codes.end(), parts.begin(), parts.begin() + size);
  }
  return codes;
}

int combining_class(utf8proc_int32_t code) {
  return utf8proc_get_property(code)->combining_class;
}

/// The canonical ordering algorithm (Unicode, section 3.11). The library's own takes time by the
/// square of a run of marks.
void order_marks(std::vector<utf8proc_int32_t>& codes) {
  for (auto begin = codes.begin(); begin != codes.end();) {
    if (combining_class(*begin) == 0) {
      ++begin;
      continue;
    }
    const auto is_starter = [](utf8proc_int32_t code) { return combining_class(code) == 0; };
    const auto end = std::find_if(begin, codes.end(), is_starter);
    std::ranges::stable_sort(begin, end, {}, combining_class);
    begin = end;
  }
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
  auto codes = decompose(text);
  order_marks(codes);
  codes.push_back(0);  // The encoder ends its text so.
  const auto size =
      utf8proc_reencode(codes.data(), static_cast<utf8proc_ssize_t>(codes.size() - 1), kCompose);
  if (size < 0) throw Error(std::string("text cannot be normalised: ") + utf8proc_errmsg(size));
  buffer.assign(reinterpret_cast<const char*>(codes.data()), static_cast<size_t>(size));
  return buffer;
}

}  // namespace thespis::model
