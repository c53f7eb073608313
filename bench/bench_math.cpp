// Verdicts of the math verifier per second and core, by kind of answer, and how long its worst
// inputs hold it up. One thread; processor time, for the machine may be shared.

#include <cstdio>
#include <ctime>
#include <string>
#include <vector>

#include "tasks/math/verify.hpp"

namespace {

using namespace thespis::tasks::math;

double processor_s() {
  timespec t{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
  return static_cast<double>(t.tv_sec) + 1e-9 * static_cast<double>(t.tv_nsec);
}

std::string repeated(std::string_view text, size_t count) {
  std::string result;
  for (size_t i = 0; i < count; ++i) result += text;
  return result;
}

struct Work {
  const char* what;
  std::string gold, prediction;
};

}  // namespace

int main() {
  const std::string thought = repeated("We add $x^2$ to 17 and get the next line. ", 200);
  const std::vector<Work> kinds = {
      {"a number in a box", "42", "So it is \\boxed{42.0}."},
      {"a number behind 8 kB of thought", "42", thought + "\\boxed{42.0}"},
      {"a fraction", "\\frac{3}{4}", "\\boxed{0.75}"},
      {"radicals", "$\\frac{5\\sqrt{42}}{27}$", "$\\frac{10\\sqrt{10.5}}{27}$"},
      {"a polynomial", "$(x+1)^4$", "$x^4+4x^3+6x^2+4x+1$"},
      {"a circular identity", "$2\\sin b\\cos a$", "$\\sin(a+b)-\\sin(a-b)$"},
      {"a union of intervals", "$(-\\infty,1)\\cup(3,5]$", "$(3,5]\\cup(-\\infty,1)$"},
      {"a wrong matrix", "$\\begin{pmatrix}1&2\\\\3&4\\end{pmatrix}$",
       "$\\begin{pmatrix}1&2\\\\3&5\\end{pmatrix}$"},
  };
  std::printf("%-34s %14s\n", "kind of answer", "verdicts/s");
  for (const Work& work : kinds) {
    const double begin = processor_s();
    size_t done = 0;
    do {
      for (int n = 0; n < 16; ++n, ++done) verify(work.gold, work.prediction);
    } while (processor_s() - begin < 0.5);
    std::printf("%-34s %14.0f\n", work.what, static_cast<double>(done) / (processor_s() - begin));
  }
  const std::vector<Work> hostile = {
      {"10^6 nested braces", "4", "\\boxed{" + repeated("{", 1'000'000) + repeated("}", 1'000'001)},
      {"2^(2^(2^100))", "4", "\\boxed{2^{2^{2^{100}}}}"},
      {"5 MB of digits", "4", "\\boxed{" + std::string(5'000'000, '9') + "}"},
      {"8 MB of numbers", "4", repeated("7 8 9.5 ", 1'000'000)},
      {"(x+y+z+w)^64", "4", "\\boxed{(x+y+z+w)^{64}}"},
      {"a union of 450 intervals", "(0,450)", ""},
  };
  std::printf("\n%-34s %14s\n", "hostile answer", "ms");
  for (Work work : hostile) {
    if (work.prediction.empty()) {
      for (int i = 0; i < 450; ++i)
        work.prediction +=
            (i == 0 ? "$(" : "\\cup(") + std::to_string(i) + "," + std::to_string(i + 1) + "]";
      work.prediction += "$";
    }
    const double begin = processor_s();
    const Verification result = verify(work.gold, work.prediction);
    std::printf("%-34s %14.1f  %s\n", work.what, 1e3 * (processor_s() - begin),
                std::string(name(result.judgement)).c_str());
  }
}
