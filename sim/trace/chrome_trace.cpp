#include "sim/trace/chrome_trace.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <map>
#include <set>
#include <string_view>
#include <tuple>
#include <utility>

#include "sim/base/json_writer.h"

namespace stepcast {
namespace {

constexpr std::string_view kStreamNames[kNumStreams] = {
    "compute",      "tensor-parallel",       "data-parallel",    "embedding gradients",
    "send to next", "receive from previous", "send to previous", "receive from next"};
constexpr std::string_view kRoleNames[kNumGroupRoles] = {"tensor", "data", "embedding", "model"};
constexpr std::string_view kPhaseNames[] = {"forward",       "backward",  "recompute",
                                            "gradient_sync", "optimizer", "other"};

std::string quoted(std::string_view text) {
  std::string out;
  append_json_string(out, text);
  return out;
}

/// Whole nanoseconds: ends are rounded and not lengths, so that slices that follow each other never
/// overlap.
std::int64_t nanoseconds(Seconds time) { return std::llround(time.value() * 1e9); }

/// The format's microseconds, with three decimals.
std::string micros(std::int64_t nanoseconds) {
  char text[48];
  std::snprintf(text, sizeof text, "%lld.%03lld", static_cast<long long>(nanoseconds / 1000),
                static_cast<long long>(nanoseconds % 1000));
  return text;
}

std::string bytes_argument(Bytes size) { return ",\"bytes\":" + std::to_string(size.value()); }

/// How an op is drawn; no name: not at all.
struct Drawing {
  std::string_view name = {};
  std::string_view category = {};
  std::string arguments = {};  ///< further ones, each with a comma before it
};

struct Draw {
  Drawing operator()(const Compute& compute) const {
    return {info(compute.kernel.kind).name, "kernel",
            ",\"kernel\":" + quoted(to_text(compute.kernel))};
  }
  Drawing operator()(const Collective& collective) const {
    const auto role = static_cast<std::size_t>(collective.group);
    return {name_of(collective.kind), "collective",
            ",\"group\":" + quoted(kRoleNames[role]) + bytes_argument(collective.size)};
  }
  Drawing operator()(const Send& send) const { return {"send", "p2p", bytes_argument(send.size)}; }
  Drawing operator()(const Recv& recv) const { return {"recv", "p2p", bytes_argument(recv.size)}; }
  Drawing operator()(const auto&) const { return {}; }
};

/// A boundary between two ranks, in one direction.
using Way = std::tuple<Rank, Rank, std::uint32_t>;  // from, to, tag

/// One end of an arrow: where, and at which nanosecond.
struct ArrowEnd {
  Rank rank = 0;
  Stream stream{};
  std::int64_t at = 0;
};

class Writer {
 public:
  Writer(const Job& job, const Trace& trace) : job_(job), trace_(trace) {}

  std::string write(const std::vector<std::vector<Bytes>>& memory_by_program) {
    out_ = "{\"schemaVersion\":1,\"displayTimeUnit\":\"ms\",";
    if (!trace_.complete) out_ += "\"complete\":false,";
    out_ += "\"traceEvents\":[\n";
    name_tracks();
    for (const Span& span : trace_.spans) slice(span);
    arrows();
    if (!memory_by_program.empty()) memory_counters(memory_by_program);
    out_ += "\n]}\n";
    return std::move(out_);
  }

 private:
  const Program& program_of(Rank rank) const { return job_.programs[job_.ranks[rank].program]; }
  const Op& op_of(const Span& span) const {
    const Program& program = program_of(span.rank);
    return program.blocks[program.calls[span.call].block].ops[span.op];
  }

  void event(const std::string& fields) {
    if (!first_) out_ += ",\n";
    first_ = false;
    out_ += "{" + fields + "}";
  }

  static std::string place(Rank rank, Stream stream) {
    return "\"pid\":" + std::to_string(rank) +
           ",\"tid\":" + std::to_string(static_cast<int>(stream));
  }

  void name_tracks() {
    std::set<std::pair<Rank, Stream>> tracks;
    std::set<Rank> ranks;
    for (const Span& span : trace_.spans) {
      tracks.emplace(span.rank, op_of(span).stream);
      ranks.insert(span.rank);
    }
    for (const Rank rank : ranks) {
      const std::string pid = "\"pid\":" + std::to_string(rank);
      const std::string name = "rank " + std::to_string(rank) + ", " + program_of(rank).name;
      event("\"ph\":\"M\",\"name\":\"process_name\"," + pid +
            ",\"args\":{\"name\":" + quoted(name) + "}");
      event("\"ph\":\"M\",\"name\":\"process_sort_index\"," + pid +
            ",\"args\":{\"sort_index\":" + std::to_string(rank) + "}");
    }
    for (const auto& [rank, stream] : tracks)
      event("\"ph\":\"M\",\"name\":\"thread_name\"," + place(rank, stream) +
            ",\"args\":{\"name\":" + quoted(track_name(stream)) + "}");
  }

  void slice(const Span& span) {
    const Op& op = op_of(span);
    const Drawing drawing = std::visit(Draw{}, op.what);
    if (drawing.name.empty()) return;
    const std::int64_t begin = nanoseconds(span.begin), end = nanoseconds(span.end);
    std::string arguments =
        "\"phase\":" + quoted(kPhaseNames[static_cast<int>(op.origin.phase)]) +
        ",\"microbatch\":" + std::to_string(program_of(span.rank).calls[span.call].microbatch);
    if (op.origin.layer >= 0) arguments += ",\"layer\":" + std::to_string(op.origin.layer);
    event("\"ph\":\"X\",\"name\":" + quoted(drawing.name) + ",\"cat\":" + quoted(drawing.category) +
          "," + place(span.rank, op.stream) + ",\"ts\":" + micros(begin) +
          ",\"dur\":" + micros(end - begin) + ",\"args\":{" + arguments + drawing.arguments + "}");
    // An arrow ends inside its slice: at the slice's end, the next one might take it.
    if (const auto* send = std::get_if<Send>(&op.what))
      sent_[{span.rank, neighbour(span.rank, send->peer), send->tag}].push_back(
          {span.rank, op.stream, begin});
    if (const auto* recv = std::get_if<Recv>(&op.what))
      received_[{neighbour(span.rank, recv->peer), span.rank, recv->tag}].push_back(
          {span.rank, op.stream, std::max(begin, end - 1)});
  }

  Rank neighbour(Rank rank, Peer peer) const {
    const RankPlace& at = job_.ranks[rank];
    return peer == Peer::kNext ? at.next : at.previous;
  }

  /// The k-th message of a way is the k-th on the other side. In a folded run the other side may be
  /// a rank that was not drawn: then there is no arrow.
  void arrows() {
    std::size_t id = 0;
    for (const auto& [way, starts] : sent_) {
      const auto ends = received_.find(way);
      if (ends == received_.end()) continue;
      for (std::size_t k = 0; k < std::min(starts.size(), ends->second.size()); ++k, ++id) {
        arrow_end('s', id, starts[k]);
        arrow_end('f', id, ends->second[k]);
      }
    }
  }

  void arrow_end(char phase, std::size_t id, const ArrowEnd& end) {
    event(std::string("\"ph\":\"") + phase +
          "\",\"bp\":\"e\",\"name\":\"message\",\"cat\":\"message\",\"id\":" + std::to_string(id) +
          "," + place(end.rank, end.stream) + ",\"ts\":" + micros(end.at));
  }

  /// Live memory at the end of each call, at the time of the call's last span.
  void memory_counters(const std::vector<std::vector<Bytes>>& memory_by_program) {
    std::map<std::pair<Rank, std::uint32_t>, Seconds> ends;
    for (const Span& span : trace_.spans) {
      Seconds& end = ends[{span.rank, span.call}];
      end = std::max(end, span.end);
    }
    for (const auto& [key, end] : ends) {
      const auto& [rank, call] = key;
      const Bytes live = memory_by_program[job_.ranks[rank].program][call];
      event("\"ph\":\"C\",\"name\":\"memory\",\"pid\":" + std::to_string(rank) +
            ",\"ts\":" + micros(nanoseconds(end)) +
            ",\"args\":{\"bytes\":" + std::to_string(live.value()) + "}");
    }
  }

  const Job& job_;
  const Trace& trace_;
  std::string out_;
  bool first_ = true;
  std::map<Way, std::vector<ArrowEnd>> sent_, received_;
};

}  // namespace

std::string_view track_name(Stream stream) { return kStreamNames[static_cast<int>(stream)]; }

std::string chrome_trace(const Job& job, const Trace& trace,
                         const std::vector<std::vector<Bytes>>& memory_by_program) {
  return Writer(job, trace).write(memory_by_program);
}

}  // namespace stepcast
