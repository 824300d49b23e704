#include "kernels/live/waiter.h"

#include <linux/futex.h>
#include <sched.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <climits>
#include <ctime>

#include "sim/base/error.h"

namespace stepcast {
namespace {

/// An abort is noticed by sleepers after this time at the latest, even if nobody rings.
constexpr long kLongestSleepNs = 20'000'000;

std::uint32_t* futex_word(std::atomic<std::uint32_t>& word) {
  static_assert(sizeof(word) == sizeof(std::uint32_t) &&
                std::atomic<std::uint32_t>::is_always_lock_free);
  return reinterpret_cast<std::uint32_t*>(&word);
}

}  // namespace

void Doorbell::wake() {
  rung.fetch_add(1, std::memory_order_relaxed);
  ::syscall(SYS_futex, futex_word(rung), FUTEX_WAKE, INT_MAX, nullptr, nullptr, 0);
}

int spins_for(int ranks, int cores) { return ranks <= cores ? 2000 : 50; }

std::int64_t Waiter::now_ns() {
  timespec time{};
  ::clock_gettime(CLOCK_MONOTONIC, &time);
  return std::int64_t{time.tv_sec} * 1'000'000'000 + time.tv_nsec;
}

void Waiter::pause() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

void Waiter::yield() const { ::sched_yield(); }

void Waiter::check_abort() const {
  if (abort_.load(std::memory_order_relaxed) != 0)
    throw Error(ErrorKind::kLiveRank, "stopped, since another rank failed");
}

void Waiter::sleep(std::uint32_t rung) const {
  const timespec longest{.tv_sec = 0, .tv_nsec = kLongestSleepNs};
  ::syscall(SYS_futex, futex_word(own_.rung), FUTEX_WAIT, rung, &longest, nullptr, 0);
}

}  // namespace stepcast
