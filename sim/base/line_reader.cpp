#include "sim/base/line_reader.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include <cerrno>
#include <system_error>

#include "sim/base/error.h"

namespace stepcast {

LineReader::LineReader(const std::string& file) : file_(file) {
  // O_NONBLOCK: opening a pipe must not wait for a writer.
  const int number = ::open(file.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC);
  if (number < 0) fail(false, "cannot open: " + std::generic_category().message(errno));
  struct stat facts {};
  if (::fstat(number, &facts) != 0 || !S_ISREG(facts.st_mode)) {
    ::close(number);
    fail(false, "cannot read: this is a folder, pipe or device, not a regular file");
  }
  stream_ = ::gzdopen(number, "rb");
  if (stream_ == nullptr) {
    ::close(number);
    fail(false, "cannot read: zlib has no memory");
  }
}

LineReader::~LineReader() { ::gzclose(static_cast<gzFile>(stream_)); }

void LineReader::fail(bool input, const std::string& message) const {
  throw Error(input ? ErrorKind::kInput : ErrorKind::kIo, {Problem{.file = file_,
                                                                   .line = static_cast<int>(line_),
                                                                   .column = 0,
                                                                   .path = "",
                                                                   .message = message}});
}

bool LineReader::refill() {
  block_.resize(std::size_t{1} << 18);
  at_ = 0;
  const auto stream = static_cast<gzFile>(stream_);
  const int count = ::gzread(stream, block_.data(), static_cast<unsigned>(block_.size()));
  int error = Z_OK;
  const char* what = ::gzerror(stream, &error);
  // A stream that ends before its end reports Z_BUF_ERROR beside what it had.
  if (count < 0 || (error != Z_OK && error != Z_STREAM_END))
    fail(error != Z_ERRNO, error == Z_BUF_ERROR ? "the compressed file ends too early"
                                                : std::string("cannot read: ") + what);
  block_.resize(static_cast<std::size_t>(count));
  read_ += block_.size();
  if (read_ > kMaxLinesBytes)
    fail(true, "holds more than the " + std::to_string(kMaxLinesBytes >> 30) + " GiB allowed here");
  return count > 0;
}

bool LineReader::next(std::string& line) {
  line.clear();
  bool any = false;
  while (at_ < block_.size() || refill()) {
    any = true;
    const std::size_t end = block_.find('\n', at_);
    line.append(block_, at_, end == std::string::npos ? end : end - at_);
    if (line.size() > kMaxLineBytes)
      fail(true,
           "a line is longer than the " + std::to_string(kMaxLineBytes) + " bytes allowed here");
    at_ = end == std::string::npos ? block_.size() : end + 1;
    if (end != std::string::npos) break;
  }
  line_ += any ? 1 : 0;
  return any;
}

}  // namespace stepcast
