// The time of a rank, and how much of it its core was somebody else's.
#pragma once

namespace stepcast {

/// Seconds since some moment that is the same for all ranks of a machine.
double wall_seconds();

/// What lost more than this share of its core is no measurement.
inline constexpr double kMostLost = 0.03;

/// Seconds that a thread stood ready to run and did not, because another one had its core. Waiting
/// for other ranks is not counted, asleep or spinning. Made and read in the same thread.
class LostTime {
 public:
  LostTime();
  ~LostTime();
  LostTime(const LostTime&) = delete;
  LostTime& operator=(const LostTime&) = delete;

  /// False where the system does not tell (/proc/thread-self/schedstat).
  bool known() const { return descriptor_ >= 0; }
  double seconds() const;  ///< so far; 0 when not known

 private:
  int descriptor_ = -1;
};

}  // namespace stepcast
