#include "model/tokenizer/regex.hpp"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <fmt/format.h>
#include <pcre2.h>

#include <algorithm>
#include <array>
#include <limits>
#include <new>

#include "model/tokenizer/regex_syntax.hpp"
#include "runtime/base/assert.hpp"
#include "runtime/base/error.hpp"

namespace thespis::model {
namespace {

std::string error_text(int code) {
  std::array<PCRE2_UCHAR, 256> text{};
  if (pcre2_get_error_message(code, text.data(), text.size()) == PCRE2_ERROR_BADDATA)
    return fmt::format("error {}", code);
  return reinterpret_cast<const char*>(text.data());
}

PCRE2_SPTR units(std::string_view text) {
  return reinterpret_cast<PCRE2_SPTR>(text.data());
}

/// The options under which regex_syntax.hpp writes its patterns.
constexpr uint32_t kOptions =
    PCRE2_UTF | PCRE2_UCP | PCRE2_MULTILINE | PCRE2_NEVER_BACKSLASH_C | PCRE2_NO_AUTO_CAPTURE;

}  // namespace

struct Regex::Code {
  pcre2_code* code = nullptr;
  ~Code() { pcre2_code_free(code); }
};

struct RegexScratch::Parts {
  pcre2_match_data* match = pcre2_match_data_create(1, nullptr);
  pcre2_match_context* context = pcre2_match_context_create(nullptr);
  ~Parts() {
    pcre2_match_context_free(context);
    pcre2_match_data_free(match);
  }
};

RegexScratch::RegexScratch() : parts_(std::make_unique<Parts>()) {
  if (parts_->match == nullptr || parts_->context == nullptr) throw std::bad_alloc();
  pcre2_set_heap_limit(parts_->context, kRegexHeapKibMax);
}

RegexScratch::~RegexScratch() = default;

tl::expected<Regex, std::string> Regex::compile(std::string_view pattern) {
  const auto translated = to_pcre2(pattern);
  if (!translated) return tl::unexpected(translated.error());
  const std::unique_ptr<pcre2_compile_context, void (*)(pcre2_compile_context*)> context(
      pcre2_compile_context_create(nullptr), pcre2_compile_context_free);
  if (context == nullptr) throw std::bad_alloc();
  pcre2_set_newline(context.get(), PCRE2_NEWLINE_LF);
  int error = 0;
  PCRE2_SIZE offset = 0;
  auto code = std::make_shared<Code>();
  code->code = pcre2_compile(units(*translated), translated->size(), kOptions, &error, &offset,
                             context.get());
  if (code->code == nullptr)
    return tl::unexpected(fmt::format("is no pattern that can be used: {}", error_text(error)));
  // Where there is no machine code (a system that forbids it), the interpreter does the same.
  pcre2_jit_compile(code->code, PCRE2_JIT_COMPLETE);
  return Regex(std::move(code), pattern);
}

std::optional<Regex::Match> Regex::find(std::string_view text, size_t from,
                                        RegexScratch& scratch) const {
  const RegexScratch::Parts& parts = *scratch.parts_;
  const uint64_t steps = kRegexStepsMin + uint64_t{kRegexStepsPerByte} * text.size();
  pcre2_set_match_limit(parts.context, static_cast<uint32_t>(std::min<uint64_t>(
                                           steps, std::numeric_limits<uint32_t>::max())));
  const auto run = [&](uint32_t options) {
    return pcre2_match(code_->code, units(text), text.size(), from, options | PCRE2_NO_UTF_CHECK,
                       parts.match, parts.context);
  };
  int result = run(0);
  // The machine code's stack is small; the interpreter has the heap.
  if (result == PCRE2_ERROR_JIT_STACKLIMIT) result = run(PCRE2_NO_JIT);
  if (result == PCRE2_ERROR_NOMATCH) return std::nullopt;
  if (result < 0)
    throw InputError(
        fmt::format("text of {} bytes is too much for the tokenizer's pattern \"{}\": "
                    "{}",
                    text.size(), pattern_.substr(0, 60), error_text(result)));
  const PCRE2_SIZE* offsets = pcre2_get_ovector_pointer(parts.match);
  THESPIS_ASSERT(offsets[0] >= from && offsets[0] <= offsets[1] && offsets[1] <= text.size());
  return Match{offsets[0], offsets[1]};
}

}  // namespace thespis::model
