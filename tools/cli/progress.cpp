#include "tools/cli/progress.h"

#include <unistd.h>

#include <cstdio>

namespace stepcast::cli {
namespace {

constexpr int kBarWidth = 40;
constexpr auto kPatience = std::chrono::seconds(1);
constexpr auto kBetweenBars = std::chrono::milliseconds(100);
constexpr auto kBetweenLines = std::chrono::seconds(10);

}  // namespace

Progress::Progress(std::string what)
    : what_(std::move(what)),
      terminal_(::isatty(STDERR_FILENO) == 1),
      start_(Clock::now()),
      last_(start_) {}

Progress::~Progress() {
  // Clears the bar: what follows starts on an empty line.
  if (drawn_) std::fprintf(stderr, "\r\033[K");
}

void Progress::update(std::size_t done, std::size_t total) {
  const Clock::time_point now = Clock::now();
  const Clock::duration pause = terminal_ ? Clock::duration(kBetweenBars) : kBetweenLines;
  if (now - start_ < kPatience || now - last_ < pause) return;
  last_ = now;
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(now - start_).count();
  if (!terminal_) {
    std::fprintf(stderr, "%zu of %zu %s, %lld s\n", done, total, what_.c_str(),
                 static_cast<long long>(seconds));
    return;
  }
  const int filled = total == 0 ? 0 : static_cast<int>(kBarWidth * done / total);
  std::fprintf(stderr, "\r[%.*s%*s] %zu of %zu %s, %lld s\033[K", filled,
               "########################################", kBarWidth - filled, "", done, total,
               what_.c_str(), static_cast<long long>(seconds));
  std::fflush(stderr);
  drawn_ = true;
}

Activity::Activity(std::string what)
    : what_(std::move(what)), teller_([this](const std::stop_token& stop) { tell(stop); }) {}

Activity::~Activity() {
  teller_.request_stop();
  stopped_.notify_all();
}

void Activity::now(std::string what) {
  const std::scoped_lock lock(mutex_);
  what_ = std::move(what);
}

void Activity::tell(const std::stop_token& stop) {
  using Clock = std::chrono::steady_clock;
  const bool terminal = ::isatty(STDERR_FILENO) == 1;
  const Clock::time_point start = Clock::now();
  bool drawn = false;
  std::unique_lock lock(mutex_);
  for (Clock::duration pause = terminal ? Clock::duration(kPatience) : kBetweenLines;
       !stopped_.wait_for(lock, stop, pause, [&] { return stop.stop_requested(); });
       pause = terminal ? Clock::duration(kBetweenBars) : kBetweenLines) {
    const auto seconds =
        std::chrono::duration_cast<std::chrono::seconds>(Clock::now() - start).count();
    std::fprintf(stderr, terminal ? "\r%s, %lld s\033[K" : "%s, %lld s\n", what_.c_str(),
                 static_cast<long long>(seconds));
    std::fflush(stderr);
    drawn = true;
  }
  if (terminal && drawn) std::fprintf(stderr, "\r\033[K");
}

}  // namespace stepcast::cli
