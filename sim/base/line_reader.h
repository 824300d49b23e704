// A text file line by line, compressed or not: for files that are larger than what one wants in
// memory.
#pragma once

#include <cstddef>
#include <string>

namespace stepcast {

/// Bounds of what is read: longer lines are no lines of ours, and a few bytes of gzip may unfold to
/// terabytes.
inline constexpr std::size_t kMaxLineBytes = std::size_t{1} << 20;
inline constexpr std::size_t kMaxLinesBytes = std::size_t{8} << 30;

class LineReader {
 public:
  /// Recognises gzip by its first bytes. Throws Error(kIo) when the file can't be opened or is no
  /// regular file.
  explicit LineReader(const std::string& file);
  ~LineReader();
  LineReader(const LineReader&) = delete;
  LineReader& operator=(const LineReader&) = delete;

  /// The next line, without its end; false after the last one. Throws Error: kIo when reading
  /// fails, kInput for broken gzip and for what exceeds the bounds.
  bool next(std::string& line);
  std::size_t line_number() const { return line_; }  ///< of the last one, from 1

 private:
  bool refill();
  [[noreturn]] void fail(bool input, const std::string& message) const;

  std::string file_;
  void* stream_ = nullptr;  // gzFile
  std::string block_;
  std::size_t at_ = 0, read_ = 0, line_ = 0;
};

}  // namespace stepcast
