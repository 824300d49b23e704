// When has a GPU under load settled? Cold and unloaded it runs at its highest clock; the power
// limit lowers that within a second or so, heat by a little more for as long as it rises. What the
// load takes says it without any sensor.
#pragma once

#include <vector>

namespace stepcast {

struct SettlingOptions {
  double window = 0.5;   ///< seconds over which the median counts
  int windows = 3;       ///< so many in a row
  double within = 0.01;  ///< agree so closely, relative
  double most = 30;      ///< seconds; after that it is taken as it is
};

class Settling {
 public:
  explicit Settling(SettlingOptions options = {}) : options_(options) {}

  /// The load took `seconds` once, at `now` seconds; ascending.
  void add(double now, double seconds);
  bool settled() const { return movement() <= options_.within; }
  bool overdue() const;
  /// Largest over smallest of the last windows, minus 1; 1 while there are too few.
  double movement() const;
  /// What the load took at first, and now. At least one was added.
  double first() const { return first_; }
  double latest() const;

 private:
  SettlingOptions options_;
  double begin_ = 0, now_ = 0, first_ = 0;
  double window_begin_ = 0;
  std::vector<double> window_;   ///< of the window that is open
  std::vector<double> medians_;  ///< of those that are over
};

}  // namespace stepcast
