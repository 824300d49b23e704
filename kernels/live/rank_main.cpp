#include "kernels/live/rank_main.h"

#include <sched.h>

#include <new>
#include <string>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

#include "kernels/live/shared_rank_context.h"
#include "sim/base/error.h"

namespace stepcast {
namespace {

using Farewell = RankState::Farewell;

}  // namespace

RankEnd call_rank_main(RankContext& context, const RankMain& rank_main) {
  try {
    const int code = rank_main(context);
    if (code == 0) return {.done = true};
    return {.why = "returned " + std::to_string(code)};
  } catch (const Error& error) {
    return {.by_live_error = error.kind() == ErrorKind::kLiveRank, .why = error.what()};
  } catch (const std::bad_alloc&) {
    return {.why = "out of memory: an allocation failed"};
  } catch (const std::exception& error) {
    return {.why = error.what()};
  } catch (...) {
    return {.why = "threw something that is no exception"};
  }
}

void run_rank(const Switchboard& board, int rank, int spins, const RankMain& rank_main) {
  SharedRankContext context(board, rank, spins);
  const RankEnd end = call_rank_main(context, rank_main);
  const bool aborted = end.by_live_error && board.abort_word().load() != 0;
  board.state(rank).end(end.done  ? Farewell::kDone
                        : aborted ? Farewell::kAborted
                                  : Farewell::kFailed,
                        end.why);
}

std::vector<int> usable_cores() {
  cpu_set_t set;
  CPU_ZERO(&set);
  std::vector<int> cores;
  if (::sched_getaffinity(0, sizeof set, &set) == 0)
    for (int core = 0; core < CPU_SETSIZE; ++core)
      if (CPU_ISSET(core, &set)) cores.push_back(core);
  if (cores.empty()) cores.push_back(0);
  return cores;
}

void pin_to_core_of(int rank) {
  const std::vector<int> cores = usable_cores();
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(cores[static_cast<std::size_t>(rank) % cores.size()], &set);
  // Where the system forbids it ranks run unpinned, which costs precision and nothing else.
  (void)::sched_setaffinity(0, sizeof set, &set);
}

void flush_subnormals() {
#if defined(__x86_64__)
  constexpr unsigned kFlushToZero = 1u << 15, kDenormalsAreZero = 1u << 6;
  _mm_setcsr(_mm_getcsr() | kFlushToZero | kDenormalsAreZero);
#elif defined(__aarch64__)
  constexpr std::uint64_t kFlushToZero = std::uint64_t{1} << 24;
  std::uint64_t control = 0;
  asm volatile("mrs %0, fpcr" : "=r"(control));
  asm volatile("msr fpcr, %0" : : "r"(control | kFlushToZero));
#endif
}

}  // namespace stepcast
