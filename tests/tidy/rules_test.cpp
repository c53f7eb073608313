// Goal: every rule of tidy.hpp finds what it is there to find, and leaves honest code alone.
// Method: small sources planted with one violation each, beside the same source without it.

#include <catch2/catch_test_macros.hpp>

#include "tests/tidy/tidy.hpp"

using namespace thespis::tidy;

namespace {

/// A file that breaks nothing: `body` after the opening that every file has.
SourceFile with(const std::string& path, const std::string& body) {
  return {path,
          (is_header(path) ? "#pragma once\n" : "") + std::string("// What it is for.\n\n") + body};
}

size_t form(const std::string& path, const std::string& body) {
  return check_form(with(path, body)).size();
}
size_t layers(const std::string& path, const std::string& body) {
  return check_includes(with(path, body)).size();
}
size_t code(const std::string& path, const std::string& body) {
  return check_code(with(path, body)).size();
}

}  // namespace

TEST_CASE("tidy: comments and literals are not code") {
  CHECK(code_only("a /* b\nc */ d // e\nf") == "a     \n     d     \nf");
  CHECK(code_only("x = \"rand(\\\")\"; y") == "x =           ; y");
  CHECK(code_only("R\"(a\"b)\" c") == "         c");
  CHECK(code_only("10'000 + 'x' + 20'000") == "10'000 +     + 20'000");
}

TEST_CASE("tidy: form is checked") {
  CHECK(form("gpu/a.cpp", "int a;\n") == 0);
  CHECK(form("gpu/a.cpp", "// " + std::string(98, 'x') + "\n") == 1);
  CHECK(form("gpu/a.cpp", "// " + std::string(97, 'x') + "\n") == 0);
  std::string umlauts;
  for (int i = 0; i < 97; ++i) umlauts += "\xC3\xA4";
  CHECK(form("gpu/a.cpp", "// " + umlauts + "\n") == 0);
  CHECK(form("docs/a.md", std::string(200, 'x') + "\n") == 0);
  std::string long_file;
  for (int i = 0; i < 398; ++i) long_file += "int a;\n";
  CHECK(form("gpu/a.cpp", long_file) == 0);
  CHECK(form("gpu/a.cpp", long_file + "int b;\n") == 1);
  CHECK(form("gpu/a.cpp", "int a;\t\n") == 1);
  CHECK(form("gpu/a.cpp", "int a; \n") == 1);
  CHECK(form("gpu/a.cpp", "int a;") == 1);
  CHECK(form("gpu/a.cpp",
             "// "
             "TO"
             "DO: later\n") == 1);
  CHECK(form("gpu/a.cpp", "// to do: the list\n") == 0);
  CHECK(form("docs/a.md",
             "see /ho"
             "me/me/notes\n") == 1);
  CHECK(form("docs/a.md",
             "see /ho"
             "mework/notes and a/wo"
             "rk/b\n") == 0);
  CHECK(form("gpu/a.cpp", "  // run(a, b);\n") == 1);
  CHECK(form("gpu/a.cpp", "/// Call run(a, b);\n// Prose; with marks.\n") == 0);
  CHECK(form("gpu/utils/a.cpp", "int a;\n") == 1);
  CHECK(check_form({"gpu/a.cpp", "int a;\n"}).size() == 1);
  CHECK(check_form({"gpu/a.hpp", "// What it is for.\nint a;\n"}).size() == 1);
  CHECK(check_form({"gpu/a.hpp", "#pragma once\nint a;\n"}).size() == 1);
}

TEST_CASE("tidy: layers point downwards") {
  CHECK(layers("actors/a.cpp", "#include \"model/b.hpp\"\n#include \"gpu/c.hpp\"\n") == 0);
  CHECK(layers("model/a.cpp", "#include \"actors/b.hpp\"\n") == 1);
  CHECK(layers("runtime/wire/a.cpp", "#include \"gpu/b.hpp\"\n") == 1);
  CHECK(layers("tasks/a.cpp", "#include \"model/b.hpp\"\n") == 1);
  CHECK(layers("tests/gpu/a_test.cpp", "#include \"gpu/b.hpp\"\n") == 0);
  CHECK(layers("tests/gpu/a_test.cpp", "#include \"model/b.hpp\"\n") == 1);
  CHECK(layers("tests/gpu/a_test.cpp", "#include \"tests/support/b.hpp\"\n") == 0);
  CHECK(layers("gpu/a.cpp", "#include \"tests/support/b.hpp\"\n") == 1);
  CHECK(layers("gpu/a.cpp", "#include <caf/all.hpp>\n") == 1);
  CHECK(layers("model/a.cpp", "#include <ucp/api/ucp.h>\n") == 1);
  CHECK(layers("runtime/transport/a.cpp", "#include <ucp/api/ucp.h>\n") == 0);
  CHECK(layers("runtime/transport/a.cpp", "#include \"../b.hpp\"\n") == 1);
}

TEST_CASE("tidy: time and chance come through runtime/env") {
  const std::string now = "auto t = std::chrono::steady_clock::now();\n";
  CHECK(code("actors/a.cpp", now) == 1);
  CHECK(code("runtime/cluster/a.cpp", now) == 1);
  CHECK(code("runtime/env/clock.cpp", now) == 0);
  CHECK(code("actors/a.cpp", "// steady_clock\nauto s = \"steady_clock\";\n") == 0);
  CHECK(code("actors/a.cpp", "auto t = clock.now();\nstd::chrono::seconds s{1};\n") == 0);
  CHECK(code("actors/a.cpp", "std::this_thread::sleep_for(s);\n") == 1);
  CHECK(code("actors/a.cpp", "sleep(1);\n::sleep(1);\n") == 2);
  CHECK(code("actors/a.cpp", "env.sleep(1);\nenv->sleep(1);\nmy::sleep(1);\nint sleep = 1;\n") ==
        0);
  CHECK(code("actors/a.cpp", "std::thread t;\n") == 1);
  CHECK(code("actors/a.cpp", "std::thread::id id = std::this_thread::get_id();\n") == 0);
  CHECK(code("gpu/thread_pool.cpp", "std::thread t;\n") == 0);
  CHECK(code("model/a.cpp", "std::mt19937_64 random{1};\n") == 1);
  CHECK(code("tests/gpu/a_test.cpp", "std::mt19937_64 random{1};\n") == 0);
  CHECK(code("tests/gpu/a_test.cpp", "std::random_device chance;\n") == 1);
  CHECK(code("gpu/a.cpp", "int a = std::rand();\nint b = rand();\nint c = brand();\n") == 2);
}

TEST_CASE("tidy: banned code is found") {
  CHECK(code("app/a.cpp", "sprintf(b, s);\nsnprintf(b, n, s);\n") == 1);
  CHECK(code("app/a.cpp", "std::system(s);\nself->system().clock();\nsystem().clock();\n") == 1);
  CHECK(code("app/a.cpp", "std::cout << 1 << std::endl;\n") == 1);
  CHECK(code("gpu/a.cpp", "std::cout << 1;\n") == 1);
  CHECK(code("gpu/a.cpp", "assert(a);\nstatic_assert(b);\n") == 1);
  CHECK(code("gpu/a.cpp", "auto f = [=] {};\nauto g = [=, &a] {};\na[i] = b;\n") == 2);
  CHECK(code("gpu/a.hpp", "using namespace std;\n") == 1);
  CHECK(code("gpu/a.cpp", "using namespace std;\n") == 0);
  CHECK(code("gpu/a.cpp", "class BufferManager {\n") == 1);
}

TEST_CASE("tidy: a swallowed exception is found") {
  CHECK(code("gpu/a.cpp", "try { f(); } catch (...) { g(); }\n") == 1);
  CHECK(code("gpu/a.cpp", "try { f(); } catch (const Error& e) {\n}\n") == 1);
  CHECK(code("gpu/a.cpp", "try { f(); } catch (const Error& e) { tell(e); }\n") == 0);
  CHECK(code("gpu/a.cpp", "try { f(); } catch (const Error&) {\n  // Why not.\n}\n") == 0);
  CHECK(code("gpu/a.cpp", "try { f(); } catch (...) {\n  // Why not.\n}\n") == 1);
  CHECK(code("gpu/a.cpp", "try { f(); } catch (...) { if (a) { g(); } throw; }\n") == 0);
  CHECK(code("gpu/a.cpp", "try { f(); } catch (...) { e = std::current_exception(); }\n") == 0);
}

TEST_CASE("tidy: the tree is whole") {
  const SourceFile header = with("gpu/a.hpp", "");
  const SourceFile source = with("gpu/a.cpp", "#include \"gpu/a.hpp\"\n");
  const SourceFile user = with("gpu/b.cpp", "#include \"gpu/a.hpp\"\n");
  const SourceFile test = with("tests/gpu/a_test.cpp", "#include \"gpu/a.hpp\"\n");
  const std::set<std::string> built = {"gpu/a.cpp", "gpu/b.cpp", "tests/gpu/a_test.cpp"};
  CHECK(check_tree({header, source, user, test}, built).empty());
  CHECK(check_tree({header, source, user, test}, {"gpu/b.cpp"}).size() == 2);
  CHECK(check_tree({header, source}, built).size() == 1);
  CHECK(check_tree({header, source, test}, built).size() == 1);
  const SourceFile late = with("gpu/a.cpp", "#include <vector>\n#include \"gpu/a.hpp\"\n");
  CHECK(check_tree({header, late, user}, built).size() == 1);
}

TEST_CASE("tidy: links lead somewhere") {
  const std::set<std::string> paths = {"README.md", "docs/a.md", "deploy/README.md"};
  const std::string text = "[a](a.md) [b](../deploy/) [c](../README.md#top) [d](https://x.y/z)\n";
  CHECK(check_links({"docs/b.md", text}, paths).empty());
  CHECK(check_links({"docs/b.md", "see [a](b/a.md)\n"}, paths).size() == 1);
}

TEST_CASE("tidy: a promise has a test") {
  const std::string table = "## Promises\n\n| promise | a |\n| --- | --- |\n| ONCE | b |\n";
  const SourceFile once{"tests/a_test.cpp", "TEST_CASE(\"ONCE: ledger\") {\n"};
  const SourceFile claim{"tests/a.sh", "# The promise ONCE, whole.\n"};
  CHECK(check_promises({"docs/a.md", table}, {once}).empty());
  CHECK(check_promises({"docs/a.md", table}, {claim}).empty());
  CHECK(check_promises({"docs/a.md", table}, {{"tests/a_test.cpp", "// ONCE\n"}}).size() == 1);
  CHECK(check_promises({"docs/a.md", table + "| AGE | c |\n"}, {once}).size() == 1);
  CHECK(check_promises({"docs/a.md", "## Words\n| ONCE | b |\n"}, {once}).size() == 1);
}
