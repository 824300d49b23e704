#include "kernels/gpu_profiler/settling.h"

#include <algorithm>

#include "sim/base/error.h"
#include "sim/ledger/statistics.h"

namespace stepcast {

void Settling::add(double now, double seconds) {
  if (window_.empty() && medians_.empty()) begin_ = window_begin_ = now, first_ = seconds;
  now_ = now;
  window_.push_back(seconds);
  if (now - window_begin_ < options_.window) return;
  medians_.push_back(median(window_));
  window_.clear();
  window_begin_ = now;
}

bool Settling::overdue() const { return now_ - begin_ >= options_.most; }

double Settling::movement() const {
  const auto windows = static_cast<std::size_t>(options_.windows);
  if (medians_.size() < windows) return 1;
  const auto [least, most] = std::minmax_element(medians_.end() - options_.windows, medians_.end());
  return *most / *least - 1;
}

double Settling::latest() const {
  STEPCAST_CHECK(!window_.empty() || !medians_.empty(), "nothing was timed yet");
  return medians_.empty() ? median(window_) : medians_.back();
}

}  // namespace stepcast
