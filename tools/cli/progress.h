// Tells a waiting person how far a long command is: on standard error, so that data stays clean.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <mutex>
#include <stop_token>
#include <string>
#include <thread>

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

/// For work that can't be counted: what is going on and for how long, told by a thread of its own
/// in the same way, until it goes out of scope.
class Activity {
 public:
  /// "simulating"; shown as "simulating, 12 s".
  explicit Activity(std::string what);
  ~Activity();
  Activity(const Activity&) = delete;
  Activity& operator=(const Activity&) = delete;

  /// The next part of the work. The clock goes on.
  void now(std::string what);

 private:
  void tell(const std::stop_token& stop);

  std::mutex mutex_;
  std::condition_variable_any stopped_;
  std::string what_;
  std::jthread teller_;  // last: it reads the others
};

}  // namespace stepcast::cli
