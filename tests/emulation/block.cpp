#include "tests/emulation/block.h"

#include <setjmp.h>
#include <ucontext.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <deque>
#include <exception>
#include <memory>
#include <numeric>
#include <random>
#include <string>
#include <vector>

#include "sim/base/error.h"

namespace stepcast::emulation {
namespace {

constexpr std::size_t kWarp = 32, kMostBytes = 64;
#ifdef __SANITIZE_ADDRESS__
constexpr std::size_t kStackBytes = 256 * 1024;
#else
constexpr std::size_t kStackBytes = 64 * 1024;
#endif

struct Copy {
  void* to;
  const void* from;
  std::size_t bytes, group;
};

/// Of one thread. Counts say how many barriers and exchanges it has come to.
struct Fiber {
  jmp_buf place{};  ///< where it waits
  std::unique_ptr<std::byte[]> stack{new std::byte[kStackBytes]};
  Index thread;
  std::size_t number = 0;  ///< x fastest
  std::uint64_t barriers = 0, exchanges = 0;
  std::deque<Copy> copies;  ///< that have not arrived
  std::size_t groups = 0;   ///< closed so far
  bool finished = false;
};

/// Two sets of words: a lane can be one exchange ahead of another that has yet to read, not two.
struct Warp {
  std::array<std::array<std::uint64_t, kWarp>, 2> words{};
  std::array<std::array<std::byte, kWarp * kMostBytes>, 2> bytes;
  std::uint64_t arrivals = 0;
};

/// The fibers of the block that is running; kept from block to block, since stacks are many.
struct Block {
  std::vector<std::unique_ptr<Fiber>> fibers;
  std::vector<Warp> warps;
  std::vector<std::byte> shared;
  std::vector<std::size_t> order;
  std::array<int, 2> votes{};  ///< of this barrier and the one before, as words of warps
  std::uint64_t arrivals = 0;
  std::size_t size = 0;
  jmp_buf scheduler{};
  Fiber* running = nullptr;
  ThisThread here;
  const std::function<void()>* body = nullptr;
  std::exception_ptr failure;
  std::uint64_t launches = 0;
};

Block& block() {
  thread_local Block the_block;
  return the_block;
}

/// Goes on at another place, until somebody comes back. The plain jumps of C cross stacks as
/// swapcontext() does, without its system call for the mask of signals.
void jump(jmp_buf& from, jmp_buf& to) {
  if (_setjmp(from) == 0) _longjmp(to, 1);
}

void give_way() { jump(block().running->place, block().scheduler); }

/// A fiber outlives its thread: with the next block it is another.
void run_fiber() {
  for (;;) {
    give_way();
    Block& b = block();
    try {
      (*b.body)();
    } catch (...) {
      b.failure = std::current_exception();
    }
    b.running->finished = true;
  }
}

/// Stands before its first thread.
std::unique_ptr<Fiber> new_fiber() {
  auto fiber = std::make_unique<Fiber>();
  ucontext_t here{}, there{};
  getcontext(&there);
  there.uc_stack.ss_sp = fiber->stack.get();
  there.uc_stack.ss_size = kStackBytes;
  there.uc_link = nullptr;
  makecontext(&there, run_fiber, 0);
  block().running = fiber.get();
  if (_setjmp(block().scheduler) == 0) swapcontext(&here, &there);
  return fiber;
}

void begin(Fiber& fiber) {
  fiber.barriers = fiber.exchanges = 0;
  fiber.copies.clear();
  fiber.groups = 0;
  fiber.finished = false;
}

/// In turn: first to last, last to first, shuffled.
void set_order(Block& b) {
  b.order.resize(b.size);
  std::iota(b.order.begin(), b.order.end(), std::size_t{0});
  if (b.launches % 3 == 1) std::reverse(b.order.begin(), b.order.end());
  std::minstd_rand random(static_cast<unsigned>(b.launches + 1));
  if (b.launches % 3 == 2)
    for (std::size_t i = b.size; i > 1; --i) std::swap(b.order[i - 1], b.order[random() % i]);
}

std::string text_of(const Index& index) {
  return "(" + std::to_string(index.x) + ", " + std::to_string(index.y) + ", " +
         std::to_string(index.z) + ")";
}

/// Lets every fiber run until it waits or ends; again while any of them moves.
void run_block(Block& b) {
  for (std::size_t alive = b.size; alive > 0;) {
    std::uint64_t moved = 0;
    for (const std::size_t i : b.order) {
      Fiber& fiber = *b.fibers[i];
      if (fiber.finished) continue;
      const std::uint64_t before = fiber.barriers + fiber.exchanges;
      b.running = &fiber;
      b.here.thread = fiber.thread;
      jump(b.scheduler, fiber.place);
      if (b.failure) std::rethrow_exception(b.failure);
      moved += fiber.barriers + fiber.exchanges - before;
      if (fiber.finished) --alive, ++moved;
    }
    STEPCAST_CHECK(moved > 0, "threads of block " + text_of(b.here.block) +
                                  " wait for a thread that does not come to their barrier");
  }
}

void prepare(Block& b, const Index& size, std::size_t shared) {
  b.size = std::size_t{size.x} * size.y * size.z;
  STEPCAST_CHECK(b.size <= 1024, "a block of more than 1024 threads");
  while (b.fibers.size() < b.size) b.fibers.push_back(new_fiber());
  b.warps.resize((b.size + kWarp - 1) / kWarp);
  for (std::size_t i = 0; i < b.size; ++i) {
    const auto n = static_cast<unsigned>(i);
    b.fibers[i]->number = i;
    b.fibers[i]->thread = {n % size.x, n / size.x % size.y, n / size.x / size.y};
  }
  b.shared.resize(shared + 16);
  set_order(b);
  ++b.launches;
}

}  // namespace

ThisThread& this_thread() { return block().here; }

int lane() { return static_cast<int>(block().running->number % kWarp); }

void wait_for_block() { count_of_block(false); }
bool any_of_block(bool vote) { return count_of_block(vote) > 0; }

// Nobody comes to a barrier before all have come to the one before, so arrivals number them.
int count_of_block(bool vote) {
  Block& b = block();
  const std::uint64_t turn = ++b.running->barriers;
  int& votes = b.votes[turn % 2];
  if (b.arrivals++ == (turn - 1) * b.size) votes = 0;
  votes += vote ? 1 : 0;
  while (b.arrivals < turn * b.size) give_way();
  return votes;
}

namespace {

/// Calls leave(warp, set, lane), waits for the other lanes, and returns the set that all have left.
template <typename Leave>
std::size_t meet(Block& b, Warp& warp, Leave leave) {
  const std::size_t first = b.running->number / kWarp * kWarp;
  const std::size_t lanes = std::min(kWarp, b.size - first);
  const std::uint64_t turn = ++b.running->exchanges;
  leave(turn % 2, b.running->number - first);
  ++warp.arrivals;
  while (warp.arrivals < turn * lanes) give_way();
  return turn % 2;
}

}  // namespace

const std::uint64_t* exchange(unsigned mask, std::uint64_t word) {
  Block& b = block();
  STEPCAST_CHECK(mask == 0xffffffff, "only whole warps exchange words in the emulation");
  Warp& warp = b.warps[b.running->number / kWarp];
  const std::size_t set =
      meet(b, warp, [&](std::size_t s, std::size_t own) { warp.words[s][own] = word; });
  return warp.words[set].data();
}

void exchange_bytes(const void* own, std::size_t bytes, void* all) {
  Block& b = block();
  STEPCAST_CHECK(bytes <= kMostBytes, "too many bytes for one exchange");
  Warp& warp = b.warps[b.running->number / kWarp];
  const std::size_t set = meet(b, warp, [&](std::size_t s, std::size_t lane_of_warp) {
    std::memcpy(warp.bytes[s].data() + lane_of_warp * bytes, own, bytes);
  });
  std::memcpy(all, warp.bytes[set].data(), kWarp * bytes);
}

namespace {

void carry_out(const Copy& copy) {
  if (copy.from != nullptr)
    std::memcpy(copy.to, copy.from, copy.bytes);
  else
    std::memset(copy.to, 0, copy.bytes);
}

}  // namespace

void begin_copy(void* to, const void* from, std::size_t bytes) {
  Block& b = block();
  const Copy copy{to, from, bytes, b.running->groups};
  if (b.launches % 2 == 0) return carry_out(copy);
  b.running->copies.push_back(copy);
}

void close_copies() { ++block().running->groups; }

void finish_copies(std::size_t open) {
  Fiber& self = *block().running;
  for (; !self.copies.empty() && self.copies.front().group + open < self.groups;
       self.copies.pop_front())
    carry_out(self.copies.front());
}

std::byte* dynamic_shared() {
  std::byte* memory = block().shared.data();
  return memory + (16 - reinterpret_cast<std::uintptr_t>(memory) % 16) % 16;
}

void run_grid(const Index& grid, const Index& size, std::size_t shared,
              const std::function<void()>& body) {
  Block& b = block();
  prepare(b, size, shared);
  b.body = &body;
  b.failure = nullptr;
  b.here.block_size = size;
  b.here.grid_size = grid;
  for (unsigned z = 0; z < grid.z; ++z)
    for (unsigned y = 0; y < grid.y; ++y)
      for (unsigned x = 0; x < grid.x; ++x) {
        b.here.block = {x, y, z};
        std::fill(b.shared.begin(), b.shared.end(), std::byte{0xff});
        b.arrivals = 0;
        for (Warp& warp : b.warps) warp.arrivals = 0;
        for (std::size_t i = 0; i < b.size; ++i) begin(*b.fibers[i]);
        try {
          run_block(b);
        } catch (...) {
          b.fibers.clear();  // they stand in the middle of a kernel
          throw;
        }
      }
}

}  // namespace stepcast::emulation
