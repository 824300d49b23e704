#include "sim/trace/compare_traces.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <iterator>
#include <string_view>
#include <utility>

#include "sim/base/error.h"
#include "sim/compute/kernels.h"

namespace stepcast {
namespace {

constexpr std::size_t kWorst = 8;

/// By Stream.
constexpr std::array<std::string_view, kNumStreams> kWaits = {"the CPU",
                                                              "tensor-parallel communication",
                                                              "data-parallel communication",
                                                              "embedding gradients",
                                                              "pipeline and its bubble",
                                                              "pipeline and its bubble",
                                                              "pipeline and its bubble",
                                                              "pipeline and its bubble"};

/// Sums by name, in order of first mention.
class Parts {
 public:
  void add(std::string_view name, std::int64_t nanoseconds, bool is_a) {
    const auto at = std::ranges::find(parts_, name, &TracedPart::name);
    TracedPart& part =
        at != parts_.end() ? *at : parts_.emplace_back(TracedPart{std::string(name), {}, {}});
    (is_a ? part.a : part.b) += Seconds(static_cast<double>(nanoseconds) * 1e-9);
  }
  /// Means over ranks.
  std::vector<TracedPart> take(std::size_t ranks) {
    std::erase_if(parts_, [](const TracedPart& part) {
      return part.a <= Seconds(0) && part.b <= Seconds(0);
    });
    for (TracedPart& part : parts_) {
      part.a = part.a / static_cast<double>(ranks);
      part.b = part.b / static_cast<double>(ranks);
    }
    return std::move(parts_);
  }

 private:
  std::vector<TracedPart> parts_;
};

std::string_view report_class(const std::string& kernel) {
  for (const KernelInfo& row : kernel_table())
    if (row.name == kernel) return row.report_class;
  return "other";
}

std::string text_of(const TraceFile& trace, const TraceSlice& slice) {
  const TraceLabel& label = trace.labels[slice.label];
  std::string text = label.category == "kernel" ? label.detail : label.name + " " + label.detail;
  text += " in " + label.phase + ", microbatch " + std::to_string(slice.microbatch);
  if (slice.layer >= 0) text += ", layer " + std::to_string(slice.layer);
  return text;
}

/// Ops of a stream run one after the other, so they are in order of end, too.
using Streams = std::array<std::vector<TraceSlice>, kNumStreams>;
Streams by_stream(const TracedRank& rank) {
  Streams streams;
  for (const TraceSlice& slice : rank.slices)
    streams[static_cast<std::size_t>(slice.stream)].push_back(slice);
  return streams;
}

/// Of a transfer on the compute stream: by the group that it says it is over.
std::string_view wait_on_compute(const TraceLabel& label) {
  if (label.detail.starts_with("over tensor")) return kWaits[1];
  if (label.detail.starts_with("over embedding")) return kWaits[3];
  return label.category == "p2p" ? kWaits[4] : kWaits[2];
}

class Comparer {
 public:
  Comparer(const TraceFile& a, const TraceFile& b) : a_(a), b_(b) {}

  TraceComparison compare() && {
    for (const TracedRank& rank : a_.ranks) {
      const auto same = std::ranges::find(b_.ranks, rank.rank, &TracedRank::rank);
      if (same != b_.ranks.end()) pairs_.emplace_back(&rank, &*same);
    }
    if (pairs_.empty())
      throw Error(ErrorKind::kInput,
                  a_.file + " and " + b_.file +
                      " show no rank in common; predict with --no-fold, so that every rank "
                      "is drawn");
    TraceComparison result;
    result.ranks = pairs_.size();
    for (const auto& [of_a, of_b] : pairs_) {
      const Streams a = by_stream(*of_a), b = by_stream(*of_b);
      for (std::size_t s = 0; s < kNumStreams; ++s)
        result.ops += require_same(of_a->rank, a[s], b[s]);
      add(a_, a, true);
      add(b_, b, false);
    }
    result.step_a = step(true);
    result.step_b = step(false);
    result.phases = phases_.take(result.ranks);
    result.classes = classes_.take(result.ranks);
    result.exposed = exposed_.take(result.ranks);
    result.worst = worst(result);
    return result;
  }

 private:
  /// Number of ops.
  std::size_t require_same(std::int64_t rank, const std::vector<TraceSlice>& a,
                           const std::vector<TraceSlice>& b) const {
    const std::size_t both = std::min(a.size(), b.size());
    std::size_t at = 0;
    while (at < both && same(a[at], b[at])) ++at;
    if (at == a.size() && at == b.size()) return both;
    const auto op = [&](const TraceFile& trace, const std::vector<TraceSlice>& slices) {
      return trace.file +
             (at < slices.size() ? " has " + text_of(trace, slices[at]) : " has no further op");
    };
    throw Error(ErrorKind::kInput, "rank " + std::to_string(rank) +
                                       " does not do the same in both: as op " +
                                       std::to_string(at) + " of a stream " + op(a_, a) + ", and " +
                                       op(b_, b) + "; compare traces of one scenario");
  }
  bool same(const TraceSlice& a, const TraceSlice& b) const {
    return a.microbatch == b.microbatch && a.layer == b.layer &&
           a_.labels[a.label] == b_.labels[b.label];
  }

  void add(const TraceFile& trace, const Streams& streams, bool is_a) {
    std::int64_t idle_from = trace.begin();
    for (const TraceSlice& slice : streams[0]) {
      charge(streams, idle_from, slice.begin, is_a);
      idle_from = std::max(idle_from, slice.end);
      const TraceLabel& label = trace.labels[slice.label];
      const std::int64_t time = slice.end - slice.begin;
      if (label.category != "kernel") {
        exposed_.add(wait_on_compute(label), time, is_a);
        continue;
      }
      phases_.add(label.phase, time, is_a);
      classes_.add(report_class(label.name), time, is_a);
      kernels_.add(label.detail, time, is_a);
    }
    charge(streams, idle_from, trace.end(), is_a);
  }

  /// The rule of the engine's attribution: a gap belongs to what ended last before it was over,
  /// from when that began, and so on backwards; what nothing covers, to the CPU.
  void charge(const Streams& streams, std::int64_t from, std::int64_t to, bool is_a) {
    while (from < to) {
      const TraceSlice* last = nullptr;
      for (std::size_t s = 1; s < kNumStreams; ++s) {
        const auto end = std::ranges::upper_bound(streams[s], to, {}, &TraceSlice::end);
        if (end == streams[s].begin()) continue;
        const TraceSlice& slice = *std::prev(end);
        if (slice.end > from && slice.begin < to && (!last || slice.end > last->end)) last = &slice;
      }
      const std::int64_t covered = last ? last->end : from;
      exposed_.add(kWaits[0], to - covered, is_a);
      if (!last) return;
      to = std::max(from, last->begin);
      exposed_.add(kWaits[static_cast<std::size_t>(last->stream)], covered - to, is_a);
    }
  }

  Seconds step(bool is_a) const {
    const TraceFile& trace = is_a ? a_ : b_;
    return Seconds(static_cast<double>(trace.end() - trace.begin()) * 1e-9);
  }

  std::vector<TracedPart> worst(const TraceComparison& result) {
    std::vector<TracedPart> parts = kernels_.take(result.ranks);
    parts.insert(parts.end(), result.exposed.begin(), result.exposed.end());
    std::ranges::stable_sort(parts, [](const TracedPart& x, const TracedPart& y) {
      return std::abs(x.off().value()) > std::abs(y.off().value());
    });
    std::erase_if(parts, [](const TracedPart& part) { return part.a == part.b; });
    if (parts.size() > kWorst) parts.resize(kWorst);
    return parts;
  }

  const TraceFile& a_;
  const TraceFile& b_;
  std::vector<std::pair<const TracedRank*, const TracedRank*>> pairs_;
  Parts phases_, classes_, exposed_, kernels_;
};

}  // namespace

TraceComparison compare_traces(const TraceFile& a, const TraceFile& b) {
  return Comparer(a, b).compare();
}

}  // namespace stepcast
