#include "tasks/code/canary.hpp"

#include <algorithm>
#include <utility>

namespace thespis::tasks {
namespace {

constexpr int64_t kLeft = 3, kRight = 4;

std::shared_ptr<const CodeTask> call_task() {
  CodeTask task;
  task.entry = "add";
  for (const int64_t left : {kLeft, int64_t{40}}) {
    CodeTest test;
    test.kind = CodeTest::Kind::kCall;
    test.arguments = {Value::of_int(left), Value::of_int(kRight)};
    test.expected = Value::of_int(left + kRight);
    task.tests.push_back(std::move(test));
  }
  return std::make_shared<const CodeTask>(std::move(task));
}

std::shared_ptr<const CodeTask> stdio_task() {
  CodeTask task;
  CodeTest test;
  test.input = "3 4\n";
  test.expected_output = "7\n";
  task.tests.push_back(std::move(test));
  return std::make_shared<const CodeTask>(std::move(task));
}

std::vector<Canary> make_canaries() {
  using V = CodeVerdict;
  const auto calls = call_task(), prints = stdio_task();
  const std::vector<V> passes{V::kPassed};
  const std::vector<V> fails{V::kWrong,  V::kRuntimeError, V::kTime,
                             V::kMemory, V::kOutput,       V::kRefused};
  return {
      {"honest function", calls, "def add(a, b):\n    return a + b\n", passes},
      {"honest program", prints, "print(sum(map(int, input().split())))\n", passes},
      {"equal to everything", calls,
       "class Y(int):\n    def __eq__(self, other): return True\n    __hash__ = int.__hash__\n"
       "def add(a, b):\n    return Y(0)\n",
       fails},
      {"exit with success", calls, "import os\ndef add(a, b):\n    os._exit(0)\n", fails},
      {"forged records", calls,
       "import os\nfor n in range(1, 16):\n    try:\n        os.write(n, b't\\ntrue\\npassed\\n')\n"
       "    except OSError:\n        pass\nos._exit(0)\n",
       fails},
      {"first answer always", calls, "def add(a, b):\n    return 7\n", fails},
      {"a look outside", prints,
       "import os, socket\ndef tries():\n"
       "    yield lambda: open('/etc/shadow').read()\n"
       "    yield lambda: os.kill(os.getppid(), 9)\n"
       "    yield lambda: socket.create_connection(('127.0.0.1', 22), 1)\n"
       "    yield lambda: os.listdir('/root')\n"
       "for attempt in tries():\n    try:\n        attempt()\n    except OSError:\n        "
       "continue\n"
       "    print(7)\n",
       fails},
  };
}

}  // namespace

bool Canary::is_right(CodeVerdict verdict) const {
  return verdict == CodeVerdict::kInfrastructure ||
         std::find(allowed.begin(), allowed.end(), verdict) != allowed.end();
}

const std::vector<Canary>& canaries() {
  static const std::vector<Canary> all = make_canaries();
  return all;
}

}  // namespace thespis::tasks
