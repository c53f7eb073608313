#include "runtime/sandbox/compiler.hpp"

#include <fcntl.h>
#include <openssl/evp.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace thespis::sandbox {
namespace {

constexpr size_t kKnownMax = 256;
/// A precompiled header is larger than a program.
constexpr uint64_t kHeaderBytesMax = 256ULL << 20;

/// SHA-256: who writes programs for a living must not find two with one name.
std::string digest(const std::vector<std::string_view>& parts) {
  std::string bytes;
  for (const std::string_view part : parts) {
    bytes += std::to_string(part.size()) + ":";
    bytes += part;
  }
  unsigned char hash[EVP_MAX_MD_SIZE];
  unsigned size = 0;
  if (EVP_Digest(bytes.data(), bytes.size(), hash, &size, EVP_sha256(), nullptr) != 1) return bytes;
  std::string text;
  for (unsigned i = 0; i < size; ++i) {
    constexpr char kDigits[] = "0123456789abcdef";
    text += kDigits[hash[i] >> 4];
    text += kDigits[hash[i] & 15];
  }
  return text;
}

bool copy(int from, int to) {
  char block[1 << 16];
  for (off_t at = 0;;) {
    const ssize_t got = ::pread(from, block, sizeof block, at);
    if (got < 0) return false;
    if (got == 0) return true;
    if (::write(to, block, static_cast<size_t>(got)) != got) return false;
    at += got;
  }
}

/// A sealed copy that can be executed; empty with errno set where there is no memory.
Descriptor executable_copy(const Descriptor& file) {
  constexpr unsigned kExecutable = 0x10;  // MFD_EXEC: since 6.3 some systems want it said.
  const unsigned flags = MFD_CLOEXEC | MFD_ALLOW_SEALING;
  Descriptor made(::memfd_create("program", flags | kExecutable));
  if (!made) made = Descriptor(::memfd_create("program", flags));
  if (!made || !copy(file.get(), made.get()) || ::fchmod(made.get(), 0555) != 0) return {};
  constexpr int kSeals = F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE;
  if (::fcntl(made.get(), F_ADD_SEALS, kSeals) != 0) return {};
  return made;
}

std::shared_ptr<const Descriptor> nothing_to_read() {
  return std::make_shared<Descriptor>(sealed_file("empty", ""));
}

}  // namespace

Compiler::Compiler(Workers& workers, std::filesystem::path cache)
    : workers_(workers), cache_(std::move(cache)) {}

void Compiler::compile(const Language& language, std::string source, Done done) {
  if (language.compile.empty()) {
    Compilation ready;
    ready.program = std::make_shared<Program>(Program{language.name, std::move(source), {}});
    ready.outcome.ending = Ending::kExited;
    workers_.defer([ready, done = std::move(done)] { done(ready); });
    return;
  }
  const std::string key = digest({language.name, source});
  if (const auto known = known_.find(key); known != known_.end()) {
    ages_.splice(ages_.begin(), ages_, known->second.age);
    workers_.defer(
        [compilation = known->second.compilation, done = std::move(done)] { done(compilation); });
    return;
  }
  std::vector<Done>& waiting = asked_[key];
  waiting.push_back(std::move(done));
  if (waiting.size() > 1) return;
  const bool uses_header = !language.header.empty() && source.find(language.header) != source.npos;
  Header& header = headers_[language.name];
  if (uses_header && (header == Header::kUnknown || header == Header::kInTheMaking)) {
    for_header_.push_back({&language, std::move(source), key});
    if (header == Header::kUnknown) {
      header = Header::kInTheMaking;
      make_header(language);
    }
    return;
  }
  start({&language, std::move(source), key});
}

void Compiler::start(Waiting waiting) {
  const Language& language = *waiting.language;
  Work work;
  work.request.argv = language.compile;
  work.request.files = {{language.source_file, waiting.source}};
  work.request.limits = language.compile_limits;
  work.request.take = "main";
  work.descriptors = {nothing_to_read()};
  auto shared = std::make_shared<Waiting>(std::move(waiting));
  workers_.submit(std::move(work), [this, shared](RunReply reply, Descriptor file) {
    finish(*shared, std::move(reply), std::move(file));
  });
}

void Compiler::finish(const Waiting& waiting, RunReply reply, Descriptor file) {
  Compilation compilation;
  compilation.outcome = std::move(reply.outcome);
  Outcome& outcome = compilation.outcome;
  if (outcome.exited_with(0)) {
    Descriptor executable = reply.took_file ? executable_copy(file) : Descriptor();
    if (executable) {
      compilation.program = std::make_shared<Program>(
          Program{waiting.language->name, waiting.source, std::move(executable)});
    } else if (reply.took_file) {
      outcome.ending = Ending::kInfrastructure;
      outcome.detail = std::string("no memory for the program: ") + std::strerror(errno);
    } else {
      outcome.code = 1;
      outcome.errors += "the compiler left no regular file \"main\"\n";
    }
  }
  // Refused by the compiler, or compiled: so it will be again. A limit may have been near.
  const bool settled = outcome.ending == Ending::kExited;
  if (settled) remember(waiting.key, compilation);
  const auto asked = asked_.find(waiting.key);
  const std::vector<Done> callbacks = std::move(asked->second);
  asked_.erase(asked);
  for (const Done& done : callbacks) done(compilation);
}

void Compiler::remember(const std::string& key, const Compilation& compilation) {
  ages_.push_front(key);
  known_[key] = {compilation, ages_.begin()};
  if (known_.size() <= kKnownMax) return;
  known_.erase(ages_.back());
  ages_.pop_back();
}

std::filesystem::path Compiler::cached_header(const Language& language) const {
  if (cache_.empty()) return {};
  // What the header was made by and of: compiler, flags, and the age of both.
  struct stat compiler {};
  const std::string& program = language.compile[0];
  if (::stat(program.c_str(), &compiler) != 0) return {};
  std::string flags = std::to_string(compiler.st_size) + " " + std::to_string(compiler.st_mtime) +
                      " " + language.header;
  for (const std::string& word : language.precompile) flags += " " + word;
  return cache_ / (language.name + "-" + digest({flags}).substr(0, 24) + ".gch");
}

void Compiler::make_header(const Language& language) {
  if (const auto path = cached_header(language); !path.empty()) {
    Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
    if (file) {
      use_header(language, std::move(file));
      return;
    }
  }
  Work work;
  work.request.argv = language.precompile;
  work.request.files = {{"header.hpp", "#include <" + language.header + ">\n"}};
  work.request.limits = language.compile_limits;
  work.request.limits.cpu_s *= 3;
  work.request.limits.wall_s *= 3;
  work.request.limits.file_bytes = kHeaderBytesMax;
  work.request.limits.memory_bytes = 1ULL << 30;
  work.request.take = "header.gch";
  work.descriptors = {nothing_to_read()};
  workers_.submit(std::move(work), [this, &language](RunReply reply, Descriptor file) {
    if (!reply.took_file) file.reset();
    const auto path = cached_header(language);
    if (file && !path.empty()) {
      // Beside its name first. Who else makes it now makes the same.
      std::error_code error;
      std::filesystem::create_directories(cache_, error);
      const std::string aside = path.string() + "." + std::to_string(::getpid());
      const Descriptor kept(
          ::open(aside.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600));
      if (kept && copy(file.get(), kept.get()))
        std::filesystem::rename(aside, path, error);
      else
        std::filesystem::remove(aside, error);
    }
    use_header(language, std::move(file));
  });
}

void Compiler::use_header(const Language& language, Descriptor file) {
  // Without it programs compile all the same, in twice the time.
  const bool ready =
      file && workers_.install("precompiled/" + language.header + ".gch", std::move(file)).empty();
  headers_[language.name] = ready ? Header::kReady : Header::kNone;
  std::vector<Waiting> others;
  for (Waiting& waiting : std::exchange(for_header_, {})) {
    if (waiting.language == &language)
      start(std::move(waiting));
    else
      others.push_back(std::move(waiting));
  }
  for (Waiting& waiting : others) for_header_.push_back(std::move(waiting));
}

}  // namespace thespis::sandbox
