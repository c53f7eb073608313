// Goal: what a program does is told exactly (JB-1, JB-2), and each way to end has its name.
// Method: small programs in every language and both ways of starting Python, each made to end in
// one way.

#include "runtime/sandbox/sandbox.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <csignal>

#include "tests/runtime/sandbox/runs.hpp"

using namespace thespis;
using namespace thespis::sandbox;
using test::holds;
using test::job_of;
using test::run;
using test::start_sandbox;

namespace {

Limits tight() {
  Limits limits;
  limits.cpu_s = 0.5;
  limits.wall_s = 20;
  limits.memory_bytes = 64ULL << 20;
  limits.output_bytes = 10000;
  limits.result_bytes = 100;
  return limits;
}

}  // namespace

TEST_CASE("sandbox: what a program reads and writes", "[runtime][sandbox]") {
  const auto box = start_sandbox();
  const bool zygote = GENERATE(true, false);
  Job job = job_of(*box, "python", R"(
import os, sys
print(sys.stdin.read().upper(), sys.argv[1:], open("data").read())
print("aside", file=sys.stderr)
os.write(3, b"\x00value")
sys.exit(7)
)");
  job.zygote = zygote;
  job.input = "some input";
  job.arguments = {"a", "b c"};
  job.files = {{"data", "from a file"}};
  const Outcome outcome = run(*box, std::move(job));
  INFO(outcome.detail << outcome.errors);
  CHECK(outcome.exited_with(7));
  CHECK(outcome.output == "SOME INPUT ['a', 'b c'] from a file\n");
  CHECK(outcome.errors == "aside\n");
  CHECK(outcome.result == std::string("\0value", 6));
  CHECK(outcome.cpu_s > 0);
  CHECK(outcome.wall_s > 0);
}

TEST_CASE("sandbox: a pipe joins two programs", "[runtime][sandbox]") {
  const auto box = start_sandbox();
  const bool zygote = GENERATE(true, false);
  std::array<int, 2> ends{};
  REQUIRE(::pipe2(ends.data(), O_CLOEXEC) == 0);
  Job teller = job_of(*box, "python", "import os\nos.write(5, b'told')\n");
  Job listener = job_of(*box, "python", "import os\nprint(os.read(4, 100))\n");
  teller.zygote = listener.zygote = zygote;
  teller.inherited = {{5, std::make_shared<Descriptor>(ends[1])}};
  listener.inherited = {{4, std::make_shared<Descriptor>(ends[0])}};
  Outcome told, heard;
  size_t done = 0;
  REQUIRE(box->run(std::move(listener), [&](Outcome outcome) {
    heard = std::move(outcome);
    ++done;
  }) != 0);
  REQUIRE(box->run(std::move(teller), [&](Outcome outcome) {
    told = std::move(outcome);
    ++done;
  }) != 0);
  while (done < 2) box->poll(-1);
  CHECK(told.exited_with(0));
  CHECK(heard.output == "b'told'\n");
}

TEST_CASE("sandbox: each way to end has its name", "[runtime][sandbox]") {
  const auto box = start_sandbox();
  struct Case {
    const char* source;
    Ending ending;
    int code;
  };
  const auto [source, ending, code] = GENERATE(
      Case{"pass", Ending::kExited, 0}, Case{"raise ValueError(1)", Ending::kExited, 1},
      Case{"import os; os.abort()", Ending::kSignal, SIGABRT},
      Case{"import os; os.kill(os.getpid(), 9)", Ending::kSignal, SIGKILL},
      Case{"while True: pass", Ending::kCpuLimit, 0},
      Case{"print('x' * 20000)", Ending::kOutputLimit, 0},
      Case{"import sys; sys.stderr.write('x' * 20000)", Ending::kOutputLimit, 0},
      Case{"import os; os.write(3, b'x' * 200)", Ending::kOutputLimit, 0},
      Case{"a = []\nwhile True: a.append(bytearray(1 << 20))", Ending::kMemoryLimit, 0},
      Case{"import ctypes; ctypes.CDLL(None).ptrace(0, 0, 0, 0)", Ending::kRefusedCall, SIGSYS});
  const bool zygote = GENERATE(true, false);
  INFO(source << (zygote ? " (zygote)" : ""));
  Job job = job_of(*box, "python", source);
  job.zygote = zygote;
  job.limits = tight();
  const Outcome outcome = run(*box, std::move(job));
  INFO(outcome.detail << outcome.errors.substr(0, 300));
  if (ending == Ending::kMemoryLimit && !holds(*box, Layer::kMemory)) {
    CHECK(outcome.ending == Ending::kExited);  // RLIMIT_AS: Python says MemoryError.
    return;
  }
  CHECK(name_of(outcome.ending) == std::string(name_of(ending)));
  if (code != 0 || ending == Ending::kExited) CHECK(outcome.code == code);
  CHECK(outcome.output.size() <= 10000);
}

TEST_CASE("sandbox: waiting is limited too", "[runtime][sandbox]") {
  const auto box = start_sandbox();
  Job job = job_of(*box, "python", "import time\ntime.sleep(60)\n");
  job.limits.wall_s = 0.2;
  const Outcome outcome = run(*box, std::move(job));
  CHECK(outcome.ending == Ending::kWallLimit);
  CHECK(outcome.wall_s >= 0.2);
  CHECK(outcome.cpu_s < 0.2);
}

TEST_CASE("SB-2: nothing outlives its job", "[runtime][sandbox]") {
  // Whatever is left of the program holds the pipe's only other end.
  const auto box = start_sandbox();
  std::array<int, 2> ends{};
  REQUIRE(::pipe2(ends.data(), O_CLOEXEC) == 0);
  const Descriptor ours(ends[0]);
  Job job = job_of(*box, "python", R"(
import os, signal, time
if os.fork() == 0:
    os.setsid()
    for number in range(1, 65):
        try: signal.signal(number, signal.SIG_IGN)
        except (OSError, ValueError): pass
    if os.fork() == 0:
        while True: time.sleep(100)
    os._exit(0)
)");
  job.zygote = GENERATE(true, false);
  job.inherited = {{4, std::make_shared<Descriptor>(ends[1])}};
  const Outcome outcome = run(*box, std::move(job));
  CHECK(outcome.exited_with(0));
  REQUIRE(::fcntl(ours.get(), F_SETFL, O_NONBLOCK) == 0);
  char byte = 0;
  CHECK(::read(ours.get(), &byte, 1) == 0);  // The end: not EAGAIN.
}

TEST_CASE("SB-3: a job finds nothing of the one before", "[runtime][sandbox]") {
  Options options;
  options.jobs_at_once = 1;
  const auto box = start_sandbox(std::move(options));
  // Of its own memory too: the second looks through the heap that it got from the keeper.
  const std::string secret = "secret-4711-";
  Job first = job_of(*box, "python",
                     "open('left', 'w').write('x')\nprint('" + secret + "' * 40)  # " + secret);
  first.input = secret;
  first.arguments = {secret};
  CHECK(run(*box, std::move(first)).exited_with(0));
  Job second = job_of(*box, "python", R"(
import ctypes, os
needle = bytes(x ^ 1 for x in b"rdbsdu,5600,")
read, write = os.pipe()
found = 0
libc = ctypes.CDLL(None)
libc.sbrk.restype = ctypes.c_void_p
libc.write.argtypes = [ctypes.c_int, ctypes.c_void_p, ctypes.c_size_t]
top = libc.sbrk(0)
pages = 0
for page in range(top - 4096, top - (64 << 20), -4096):
    if libc.write(write, page, 4096) != 4096: break
    pages += 1
    found += needle in os.read(read, 4096)
print(found, os.listdir("."), pages > 50)
)");
  const Outcome outcome = run(*box, std::move(second));
  CHECK(outcome.errors.empty());
  CHECK(outcome.output == "0 ['main.py'] True\n");
}

TEST_CASE("sandbox: a source is compiled once, and refused with the compiler's words",
          "[runtime][sandbox]") {
  const auto box = start_sandbox();
  const std::string source = "#include <stdio.h>\nint main(void) { puts(\"compiled\"); }\n";
  Job job = job_of(*box, "c", source);
  CHECK(test::compile(*box, "c", source).program == job.program);
  CHECK(run(*box, std::move(job)).output == "compiled\n");
  const Compilation refused = test::compile(*box, "c", "int main(void) { return x; }\n");
  CHECK_FALSE(refused.program);
  CHECK(refused.outcome.exited_with(1));
  CHECK(refused.outcome.errors.find("undeclared") != std::string::npos);
  CHECK_THROWS_AS((void)box->compile("cobol", "", [](const Compilation&) {}), InputError);
}
