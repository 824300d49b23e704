#include "kernels/live/communicator_bench.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstring>
#include <span>

#include "kernels/live/process_group.h"
#include "sim/base/error.h"

namespace stepcast {
namespace {

using Clock = std::chrono::steady_clock;

/// Integers as floats, so that sums are exact in every order.
float contribution(int member, std::size_t i) {
  return static_cast<float>((static_cast<std::size_t>(member) * 7 + i) % 64);
}

float sum_of_all(int members, std::size_t i) {
  float sum = 0;
  for (int member = 0; member < members; ++member) sum += contribution(member, i);
  return sum;
}

/// One size of one operation.
class Operation {
 public:
  /// `buffer` is the same for all sizes, so that one benchmark takes the memory of its largest.
  Operation(Communicator& communicator, BenchOp op, Bytes size, bool in_place,
            std::vector<float>& buffer)
      : communicator_(communicator),
        op_(op),
        buffer_(buffer),
        n_(static_cast<std::size_t>(communicator.size())) {
    const std::size_t elements = static_cast<std::size_t>(size.value()) / sizeof(float);
    part_ = has_parts() ? elements / n_ : elements;
    whole_ = has_parts() ? part_ * n_ : elements;
    from_count_ = op == BenchOp::kAllGather ? part_ : whole_;
    to_count_ = op == BenchOp::kReduceScatter ? part_ : whole_;
    const std::size_t mine = part_ * static_cast<std::size_t>(communicator.index());
    const std::size_t needed = in_place ? whole_ : from_count_ + to_count_;
    if (buffer_.size() < needed) buffer_.resize(needed);
    from_at_ = in_place && op == BenchOp::kAllGather ? mine : 0;
    to_at_ = in_place ? (op == BenchOp::kReduceScatter ? mine : 0) : from_count_;
  }

  Bytes size() const { return Bytes(static_cast<std::int64_t>(whole_ * sizeof(float))); }

  void run() {
    if (op_ == BenchOp::kSendRecv) {
      const int n = static_cast<int>(n_), me = communicator_.index();
      communicator_.send((me + 1) % n, std::as_bytes(from()));
      communicator_.receive((me + n - 1) % n, std::as_writable_bytes(to()));
      return;
    }
    communicator_.run(kind_of(op_), std::as_bytes(from()), std::as_writable_bytes(to()),
                      Element::kFp32);
  }

  /// Runs once with known numbers; how many elements are wrong on this member.
  std::int64_t check() {
    std::fill(buffer_.begin(), buffer_.end(), -1.0f);
    for (std::size_t i = 0; i < from_count_; ++i)
      from()[i] = contribution(communicator_.index(), i);
    run();
    std::int64_t wrong = 0;
    for (std::size_t i = 0; i < to_count_; ++i) wrong += to()[i] == expected(i) ? 0 : 1;
    // Zeros are the same after any number of sums, and no slower or faster to add.
    std::fill(buffer_.begin(), buffer_.end(), 0.0f);
    return is_checked() ? wrong : 0;
  }

 private:
  bool has_parts() const {
    return op_ == BenchOp::kAllGather || op_ == BenchOp::kReduceScatter ||
           op_ == BenchOp::kAllToAll;
  }
  /// Only the root has the result of a reduce.
  bool is_checked() const { return op_ != BenchOp::kReduce || communicator_.index() == 0; }
  std::span<float> from() { return std::span(buffer_).subspan(from_at_, from_count_); }
  std::span<float> to() { return std::span(buffer_).subspan(to_at_, to_count_); }

  float expected(std::size_t i) const {
    const int n = static_cast<int>(n_), me = communicator_.index();
    const std::size_t mine = part_ * static_cast<std::size_t>(me);
    switch (op_) {
      case BenchOp::kAllReduce:
      case BenchOp::kReduce:
        return sum_of_all(n, i);
      case BenchOp::kReduceScatter:
        return sum_of_all(n, mine + i);
      case BenchOp::kAllGather:
        return contribution(static_cast<int>(i / part_), i % part_);
      case BenchOp::kAllToAll:
        return contribution(static_cast<int>(i / part_), mine + i % part_);
      case BenchOp::kBroadcast:
        return contribution(0, i);
      case BenchOp::kSendRecv:
        return contribution((me + n - 1) % n, i);
    }
    return 0;
  }

  Communicator& communicator_;
  BenchOp op_;
  std::vector<float>& buffer_;
  std::size_t n_;
  std::size_t part_ = 0, whole_ = 0;  // elements
  std::size_t from_count_ = 0, to_count_ = 0, from_at_ = 0, to_at_ = 0;
};

double quantile(const std::vector<double>& sorted, double q) {
  const double at = q * static_cast<double>(sorted.size() - 1);
  const auto below = static_cast<std::size_t>(at);
  const std::size_t above = std::min(below + 1, sorted.size() - 1);
  return sorted[below] + (at - std::floor(at)) * (sorted[above] - sorted[below]);
}

template <typename T>
void reduce_over_members(Communicator& communicator, std::vector<T>& values, Element element,
                         ReduceOp reduce) {
  const auto bytes = std::as_writable_bytes(std::span(values));
  communicator.run(CollectiveKind::kAllReduce, bytes, bytes, element, reduce);
}

double seconds_per_run(Operation& operation, Communicator& communicator, int iterations) {
  barrier(communicator);
  const Clock::time_point start = Clock::now();
  for (int i = 0; i < iterations; ++i) operation.run();
  return std::chrono::duration<double>(Clock::now() - start).count() / iterations;
}

}  // namespace

std::vector<CommunicatorTiming> bench_communicator(Communicator& communicator,
                                                   const CommunicatorBenchSettings& settings) {
  std::vector<float> buffer;
  std::vector<Operation> operations;
  std::vector<std::int64_t> wrong;
  for (const Bytes size : settings.sizes) {
    Operation operation(communicator, settings.op, size, settings.in_place, buffer);
    if (operation.size() == Bytes(0)) continue;
    wrong.push_back(operation.check());
    operations.push_back(operation);
  }
  const std::size_t sizes = operations.size();
  const auto rounds = static_cast<std::size_t>(settings.rounds);
  std::vector<double> samples(sizes * rounds);  // by size, then round
  for (std::size_t round = 0; round < rounds; ++round)
    for (std::size_t i = 0; i < sizes; ++i) {
      operations[i].run();  // warms up buffers and plans
      samples[i * rounds + round] =
          seconds_per_run(operations[i], communicator, settings.iterations);
    }
  reduce_over_members(communicator, samples, Element::kFp64, ReduceOp::kMax);
  reduce_over_members(communicator, wrong, Element::kInt64, ReduceOp::kSum);
  std::vector<CommunicatorTiming> timings;
  for (std::size_t i = 0; i < sizes; ++i) {
    const auto first = samples.begin() + static_cast<std::ptrdiff_t>(i * rounds);
    std::vector<double> sorted(first, first + static_cast<std::ptrdiff_t>(rounds));
    std::sort(sorted.begin(), sorted.end());
    timings.push_back({.op = settings.op,
                       .ranks = communicator.size(),
                       .size = operations[i].size(),
                       .median = Seconds(quantile(sorted, 0.5)),
                       .q10 = Seconds(quantile(sorted, 0.1)),
                       .q90 = Seconds(quantile(sorted, 0.9)),
                       .wrong = wrong[i]});
  }
  return timings;
}

std::vector<std::vector<CommunicatorTiming>> bench_processes(
    int ranks, const std::vector<CommunicatorBenchSettings>& runs) {
  Bytes largest;
  for (const CommunicatorBenchSettings& settings : runs)
    for (const Bytes size : settings.sizes) largest = std::max(largest, size);
  SwitchboardSizes sizes{.ranks = ranks};
  // A neighbour on a ring of messages is one message ahead at the most.
  sizes.mailbox_bytes += 4 * static_cast<std::size_t>(largest.value()) / 64 * 64;
  ProcessGroup group({.sizes = sizes});
  group.run([&](RankContext& context) {
    const auto world = context.world();
    for (const CommunicatorBenchSettings& settings : runs) {
      context.begin_operation("benchmark of " + std::string(name_of(settings.op)));
      const std::vector<CommunicatorTiming> timings = bench_communicator(*world, settings);
      const std::uint64_t count = timings.size();
      if (context.rank() != 0) continue;
      context.keep(std::as_bytes(std::span(&count, 1)));
      context.keep(std::as_bytes(std::span(timings)));
    }
    return 0;
  });
  std::span<const std::byte> kept = group.kept(0);
  const auto read = [&kept](void* target, std::size_t bytes) {
    STEPCAST_CHECK(bytes <= kept.size(), "rank 0 kept less than it measured");
    if (bytes > 0) std::memcpy(target, kept.data(), bytes);
    kept = kept.subspan(bytes);
  };
  std::vector<std::vector<CommunicatorTiming>> results(runs.size());
  for (std::vector<CommunicatorTiming>& timings : results) {
    std::uint64_t count = 0;
    read(&count, sizeof count);
    timings.resize(count);
    read(timings.data(), count * sizeof(CommunicatorTiming));
  }
  return results;
}

}  // namespace stepcast
