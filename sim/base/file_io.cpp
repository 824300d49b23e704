#include "sim/base/file_io.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <limits>
#include <system_error>
#include <utility>

#include "sim/base/error.h"

namespace stepcast {
namespace {

[[noreturn]] void fail(ErrorKind kind, const std::string& path, std::string message) {
  throw Error(kind, {Problem{.file = path, .message = std::move(message)}});
}

/// `number` is errno, taken before anything else can change it.
[[noreturn]] void fail_io(const std::string& path, const std::string& deed, int number) {
  fail(ErrorKind::kIo, path, deed + ": " + std::generic_category().message(number));
}

/// An open file, closed at the end of its scope.
class Descriptor {
 public:
  explicit Descriptor(int number) : number_(number) {}
  ~Descriptor() {
    if (number_ >= 0) ::close(number_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;

  int number() const { return number_; }
  /// Closes now; false when the system reports a late write error.
  bool close() { return ::close(std::exchange(number_, -1)) == 0; }

 private:
  int number_;
};

void write_all(const Descriptor& file, std::string_view text, const std::string& path) {
  while (!text.empty()) {
    const ssize_t count = ::write(file.number(), text.data(), text.size());
    if (count < 0 && errno != EINTR) fail_io(path, "cannot write", errno);
    if (count > 0) text.remove_prefix(static_cast<std::size_t>(count));
  }
}

void write_in_place(const std::string& path, std::string_view text) {
  Descriptor file(::open(path.c_str(), O_WRONLY | O_CLOEXEC));
  if (file.number() < 0) fail_io(path, "cannot write", errno);
  write_all(file, text, path);
  if (!file.close()) fail_io(path, "cannot write", errno);
}

/// What `mkstemp` creates is private to the user; the result should be as readable as any new file.
mode_t new_file_mode() {
  const mode_t mask = ::umask(0);
  ::umask(mask);
  return 0666 & ~mask;
}

/// A rename is durable once its folder is synced; where a folder can't be synced, it is done
/// anyway.
void sync_folder_of(const std::string& path) {
  const std::string folder = std::filesystem::path(path).parent_path().string();
  const Descriptor file(
      ::open(folder.empty() ? "." : folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (file.number() >= 0) ::fsync(file.number());
}

void replace_file(const std::string& target, std::string_view text, const std::string& path) {
  std::string temporary = target + ".XXXXXX";
  Descriptor file(::mkostemp(temporary.data(), O_CLOEXEC));
  if (file.number() < 0) fail_io(path, "cannot create", errno);
  try {
    write_all(file, text, path);
    if (::fchmod(file.number(), new_file_mode()) != 0) fail_io(path, "cannot write", errno);
    if (::fsync(file.number()) != 0) fail_io(path, "cannot write", errno);
    if (!file.close()) fail_io(path, "cannot write", errno);
    if (::rename(temporary.c_str(), target.c_str()) != 0) fail_io(path, "cannot replace", errno);
  } catch (...) {
    ::unlink(temporary.c_str());
    throw;
  }
  sync_folder_of(target);
}

std::string gzipped(std::string_view text) {
  z_stream stream{};
  // 15 + 16: the largest window, with a gzip header; zlib leaves its time stamp zero.
  const int ready =
      deflateInit2(&stream, Z_DEFAULT_COMPRESSION, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY);
  STEPCAST_CHECK(ready == Z_OK, "zlib does not start");
  std::string result;
  std::string block(1 << 18, '\0');
  int status = Z_OK;
  do {
    // zlib counts in unsigned int; larger text goes in by pieces.
    const std::size_t piece = std::min<std::size_t>(text.size(), std::size_t{1} << 30);
    stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(text.data()));
    stream.avail_in = static_cast<uInt>(piece);
    stream.next_out = reinterpret_cast<Bytef*>(block.data());
    stream.avail_out = static_cast<uInt>(block.size());
    status = deflate(&stream, piece == text.size() ? Z_FINISH : Z_NO_FLUSH);
    text.remove_prefix(piece - stream.avail_in);
    result.append(block.data(), block.size() - stream.avail_out);
  } while (status == Z_OK);
  deflateEnd(&stream);
  STEPCAST_CHECK(status == Z_STREAM_END, "zlib stopped before the end of the text");
  return result;
}

}  // namespace

std::string read_text_file(const std::string& path, std::size_t max_bytes) {
  // O_NONBLOCK: opening a pipe must not wait for a writer; it is refused just below.
  const Descriptor file(::open(path.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC));
  if (file.number() < 0) fail_io(path, "cannot open", errno);
  struct stat facts {};
  if (::fstat(file.number(), &facts) != 0) fail_io(path, "cannot open", errno);
  if (!S_ISREG(facts.st_mode))
    fail(ErrorKind::kIo, path, "cannot read: this is a folder, pipe or device, not a regular file");

  const auto refuse_size = [&] {
    fail(ErrorKind::kInput, path,
         "the file is larger than the " + std::to_string(max_bytes) + " bytes allowed here");
  };
  if (static_cast<std::uintmax_t>(facts.st_size) > max_bytes) refuse_size();
  std::string text(static_cast<std::size_t>(facts.st_size) + 1, '\0');
  std::size_t size = 0;
  // Reads on to the true end: files under /proc claim size 0, and a file may grow meanwhile.
  while (true) {
    if (size == text.size()) text.resize(2 * text.size());
    const ssize_t count = ::read(file.number(), text.data() + size, text.size() - size);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) fail_io(path, "cannot read", errno);
    if (count == 0) break;
    size += static_cast<std::size_t>(count);
    if (size > max_bytes) refuse_size();
  }
  text.resize(size);
  return text;
}

void check_can_write(const std::string& path) {
  std::error_code ignored;
  const std::filesystem::file_status status = std::filesystem::status(path, ignored);
  if (std::filesystem::is_directory(status))
    fail(ErrorKind::kIo, path, "cannot write: this is a folder");
  if (std::filesystem::exists(status) && !std::filesystem::is_regular_file(status)) {
    if (::access(path.c_str(), W_OK) != 0) fail_io(path, "cannot write", errno);
    return;
  }
  // A file is replaced by a new one beside it.
  const std::filesystem::path target = std::filesystem::weakly_canonical(path, ignored);
  const std::string folder = (target.empty() ? std::filesystem::path(path) : target).parent_path();
  // "/." of what is no folder is no directory either.
  if (::access(folder.empty() ? "." : (folder + "/.").c_str(), W_OK | X_OK) != 0)
    fail_io(path, "cannot create", errno);
}

void write_text_file_atomically(const std::string& path, std::string_view text) {
  std::error_code ignored;
  const std::filesystem::file_status status = std::filesystem::status(path, ignored);
  if (std::filesystem::is_directory(status))
    fail(ErrorKind::kIo, path, "cannot write: this is a folder");
  if (!std::filesystem::exists(status)) return replace_file(path, text, path);
  // Renaming over a device would replace the device itself.
  if (!std::filesystem::is_regular_file(status)) return write_in_place(path, text);
  const std::filesystem::path target = std::filesystem::canonical(path, ignored);
  replace_file(target.empty() ? path : target.string(), text, path);
}

void write_gzip_file(const std::string& path, std::string_view text) {
  write_text_file_atomically(path, gzipped(text));
}

}  // namespace stepcast
