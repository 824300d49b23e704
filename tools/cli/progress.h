// Tells a waiting person how far a long command is: on standard error, so that data stays clean.
#pragma once

#include <chrono>
#include <cstddef>
#include <string>

namespace stepcast::cli {

/// A bar that is redrawn when standard error is a terminal, else a line every ten seconds. Silent
/// for what takes less than a second.
class Progress {
 public:
  /// `what` is counted: "rows".
  explicit Progress(std::string what);
  ~Progress();
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  void update(std::size_t done, std::size_t total);

 private:
  using Clock = std::chrono::steady_clock;

  std::string what_;
  bool terminal_;
  bool drawn_ = false;  ///< a bar stands on the last line
  Clock::time_point start_;
  Clock::time_point last_;
};

}  // namespace stepcast::cli
