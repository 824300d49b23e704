#include "sim/memory/memory.h"

#include <algorithm>
#include <map>
#include <string_view>

#include "sim/base/error.h"

namespace stepcast {
namespace {

/// Sums that stay within 63 bits, or name the program that leaves them.
class CheckedSum {
 public:
  explicit CheckedSum(const Program& program) : program_(program) {}

  std::int64_t add(std::int64_t a, std::int64_t b) const {
    std::int64_t sum = 0;
    if (__builtin_add_overflow(a, b, &sum)) overflow();
    return sum;
  }
  std::int64_t multiply(std::int64_t a, std::int64_t b) const {
    std::int64_t product = 0;
    if (__builtin_mul_overflow(a, b, &product)) overflow();
    return product;
  }

 private:
  [[noreturn]] void overflow() const {
    throw Error(
        ErrorKind::kInfeasible,
        program_.name + ": tensors need more than 2^63 bytes; use a smaller model or batch");
  }
  const Program& program_;
};

/// +1 and the buffer for an alloc, -1 for a free, 0 for everything else.
struct Change {
  int count = 0;
  BufferId buffer = kNone;
};
Change change_of(const Op& op) {
  if (const Alloc* alloc = std::get_if<Alloc>(&op.what)) return {1, alloc->buffer};
  if (const Free* free = std::get_if<Free>(&op.what)) return {-1, free->buffer};
  return {};
}

/// What one call of a block does to the live bytes.
struct BlockChange {
  std::int64_t net = 0;
  std::int64_t highest = 0;  ///< above the level before the call, never below 0
  std::uint32_t op = 0;      ///< that reaches it first
};

class MemoryWalk {
 public:
  MemoryWalk(const Program& program, Bytes rounding) : program_(program), sum_(program) {
    STEPCAST_CHECK(rounding >= Bytes{1}, "the allocator's rounding is at least one byte");
    for (const Buffer& buffer : program.buffers) {
      const std::int64_t size = rounded(buffer.size.value(), rounding.value());
      sizes_.push_back(size);
      if (buffer.resident) resident_ = sum_.add(resident_, sum_.multiply(size, instances(buffer)));
    }
    for (const Block& block : program.blocks) blocks_.push_back(sum_up(block));
  }

  std::vector<Bytes> by_call() const {
    std::vector<Bytes> live_after;
    live_after.reserve(program_.calls.size());
    std::int64_t live = resident_;
    for (const Call& call : program_.calls) {
      live = sum_.add(live, blocks_[call.block].net);
      live_after.push_back(Bytes{live});
    }
    return live_after;
  }

  PeakMemory peak() const {
    PeakMemory peak = find_peak();
    const std::vector<std::int64_t> alive = alive_at(peak);
    for (BufferId id = 0; id < program_.buffers.size(); ++id) {
      const auto category = static_cast<std::size_t>(program_.buffers[id].category);
      peak.at_peak[category] += Bytes{sizes_[id] * alive[id]};
      if (program_.buffers[id].resident)
        peak.resident[category] += Bytes{sizes_[id] * instances(program_.buffers[id])};
    }
    peak.largest = largest(alive);
    return peak;
  }

 private:
  std::int64_t instances(const Buffer& buffer) const {
    return buffer.scope == Scope::kStep ? 1 : program_.num_microbatches;
  }

  std::int64_t rounded(std::int64_t size, std::int64_t rounding) const {
    const std::int64_t pieces = size / rounding + (size % rounding != 0 ? 1 : 0);
    return sum_.multiply(pieces, rounding);
  }

  BlockChange sum_up(const Block& block) const {
    BlockChange change;
    for (std::uint32_t op = 0; op < block.ops.size(); ++op) {
      const Change step = change_of(block.ops[op]);
      if (step.count == 0) continue;
      change.net = sum_.add(change.net, step.count * sizes_[step.buffer]);
      if (change.net > change.highest) {
        change.highest = change.net;
        change.op = op;
      }
    }
    return change;
  }

  PeakMemory find_peak() const {
    PeakMemory peak;
    peak.total = peak.resident_total = Bytes{resident_};
    peak.cause = "resident buffers";
    std::int64_t live = resident_;
    for (std::uint32_t i = 0; i < program_.calls.size(); ++i) {
      const BlockChange& change = blocks_[program_.calls[i].block];
      const Bytes top{sum_.add(live, change.highest)};
      if (top > peak.total) {
        peak.total = top;
        peak.call = i;
        peak.op = change.op;
      }
      live = sum_.add(live, change.net);
    }
    if (peak.total > peak.resident_total) peak.cause = cause_of(peak);
    return peak;
  }

  std::string cause_of(const PeakMemory& peak) const {
    const Call& call = program_.calls[peak.call];
    const Block& block = program_.blocks[call.block];
    const BufferId buffer = change_of(block.ops[peak.op]).buffer;
    return block.name + ", microbatch " + std::to_string(call.microbatch) + ": alloc " +
           program_.buffers[buffer].name;
  }

  /// How many instances of each buffer are alive at the peak.
  std::vector<std::int64_t> alive_at(const PeakMemory& peak) const {
    std::vector<std::int64_t> alive;
    for (const Buffer& buffer : program_.buffers)
      alive.push_back(buffer.resident ? instances(buffer) : 0);
    if (peak.total == peak.resident_total) return alive;

    const auto apply = [&](const Block& block, std::size_t num_ops) {
      for (std::size_t op = 0; op < num_ops; ++op) {
        const Change change = change_of(block.ops[op]);
        if (change.count != 0) alive[change.buffer] += change.count;
      }
    };
    for (std::uint32_t i = 0; i < peak.call; ++i) {
      const Block& block = program_.blocks[program_.calls[i].block];
      apply(block, block.ops.size());
    }
    apply(program_.blocks[program_.calls[peak.call].block], peak.op + 1);
    return alive;
  }

  std::vector<std::pair<std::string, Bytes>> largest(const std::vector<std::int64_t>& alive) const;

  const Program& program_;
  CheckedSum sum_;
  std::vector<std::int64_t> sizes_;  ///< rounded, by buffer
  std::int64_t resident_ = 0;
  std::vector<BlockChange> blocks_;
};

/// "layer17.attention.qkv" -> "layer*.attention.qkv"
std::string without_layer_number(std::string_view name) {
  constexpr std::string_view kLayer = "layer";
  const auto is_digit = [](char c) { return c >= '0' && c <= '9'; };
  const std::size_t at = name.find(kLayer);
  if (at == std::string_view::npos) return std::string(name);
  const std::size_t first = at + kLayer.size();
  std::size_t last = first;
  while (last < name.size() && is_digit(name[last])) ++last;
  if (last == first) return std::string(name);
  return std::string(name.substr(0, first)) + "*" + std::string(name.substr(last));
}

std::vector<std::pair<std::string, Bytes>> MemoryWalk::largest(
    const std::vector<std::int64_t>& alive) const {
  std::map<std::string, Bytes> by_name;
  for (BufferId id = 0; id < program_.buffers.size(); ++id)
    if (alive[id] > 0)
      by_name[without_layer_number(program_.buffers[id].name)] += Bytes{sizes_[id] * alive[id]};
  std::vector<std::pair<std::string, Bytes>> rows(by_name.begin(), by_name.end());
  std::stable_sort(rows.begin(), rows.end(),
                   [](const auto& a, const auto& b) { return a.second > b.second; });
  if (rows.size() > PeakMemory::kLargest) rows.resize(PeakMemory::kLargest);
  return rows;
}

}  // namespace

PeakMemory walk_memory(const Program& program, Bytes rounding) {
  return MemoryWalk(program, rounding).peak();
}

std::vector<Bytes> memory_by_call(const Program& program, Bytes rounding) {
  return MemoryWalk(program, rounding).by_call();
}

}  // namespace stepcast
