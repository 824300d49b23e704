#include "sim/trace/chrome_trace.h"

#include <cinttypes>
#include <cstdio>
#include <map>
#include <set>
#include <tuple>

#include "sim/base/json_writer.h"

namespace stepcast {
namespace {

constexpr std::string_view kStreamNames[kNumStreams] = {
    "compute",      "tensor-parallel",       "data-parallel",    "embedding gradients",
    "send to next", "receive from previous", "send to previous", "receive from next"};
constexpr std::string_view kRoleNames[kNumGroupRoles] = {"tensor", "data", "embedding", "model"};
constexpr std::string_view kPhaseNames[] = {"forward",       "backward",  "recompute",
                                            "gradient_sync", "optimizer", "other"};

/// Messages of one direction between two ranks, counted, so that a send and its receive share an
/// id.
using FlowKey = std::tuple<Rank, Rank, std::uint32_t, std::uint64_t>;

class Writer {
 public:
  Writer(const Job& job, const Trace& trace) : job_(job), trace_(trace) {}

  std::string write(const std::vector<std::vector<Bytes>>& memory_by_program) {
    out_ = "{\"schemaVersion\":1,\"displayTimeUnit\":\"ms\",\"traceEvents\":[\n";
    name_tracks();
    for (const Span& span : trace_.spans) slice(span);
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

  static std::string micros(Seconds time) {
    char text[48];
    std::snprintf(text, sizeof text, "%.3f", time.value() * 1e6);
    return text;
  }

  static std::string quoted(std::string_view text) {
    std::string out;
    append_json_string(out, text);
    return out;
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
    for (Rank rank : ranks) {
      const std::string name = "rank " + std::to_string(rank) + ", " + program_of(rank).name;
      event("\"ph\":\"M\",\"name\":\"process_name\",\"pid\":" + std::to_string(rank) +
            ",\"args\":{\"name\":" + quoted(name) + "}");
      event("\"ph\":\"M\",\"name\":\"process_sort_index\",\"pid\":" + std::to_string(rank) +
            ",\"args\":{\"sort_index\":" + std::to_string(rank) + "}");
    }
    for (const auto& [rank, stream] : tracks)
      event("\"ph\":\"M\",\"name\":\"thread_name\"," + place(rank, stream) +
            ",\"args\":{\"name\":" + quoted(kStreamNames[static_cast<int>(stream)]) + "}");
  }

  void slice(const Span& span) {
    const Op& op = op_of(span);
    const Call& call = program_of(span.rank).calls[span.call];
    std::string name, category,
        arguments = "\"phase\":" + quoted(kPhaseNames[static_cast<int>(op.origin.phase)]) +
                    ",\"microbatch\":" + std::to_string(call.microbatch);
    if (op.origin.layer >= 0) arguments += ",\"layer\":" + std::to_string(op.origin.layer);
    if (const auto* compute = std::get_if<Compute>(&op.what)) {
      name = info(compute->kernel.kind).name;
      category = "kernel";
      arguments += ",\"kernel\":" + quoted(to_text(compute->kernel));
    } else if (const auto* collective = std::get_if<Collective>(&op.what)) {
      name = name_of(collective->kind);
      category = "collective";
      arguments += ",\"group\":" + quoted(kRoleNames[static_cast<int>(collective->group)]) +
                   ",\"bytes\":" + std::to_string(collective->size.value());
    } else if (const auto* send = std::get_if<Send>(&op.what)) {
      name = "send";
      category = "p2p";
      arguments += ",\"bytes\":" + std::to_string(send->size.value());
    } else if (const auto* recv = std::get_if<Recv>(&op.what)) {
      name = "recv";
      category = "p2p";
      arguments += ",\"bytes\":" + std::to_string(recv->size.value());
    } else {
      return;
    }
    event("\"ph\":\"X\",\"name\":" + quoted(name) + ",\"cat\":" + quoted(category) + "," +
          place(span.rank, op.stream) + ",\"ts\":" + micros(span.begin) +
          ",\"dur\":" + micros(span.end - span.begin) + ",\"args\":{" + arguments + "}");
    arrow(span, op);
  }

  /// The k-th message of a direction is the k-th on the other side: both ends name the same arrow.
  void arrow(const Span& span, const Op& op) {
    const RankPlace& rank = job_.ranks[span.rank];
    const auto neighbour = [&](Peer peer) {
      return peer == Peer::kNext ? rank.next : rank.previous;
    };
    if (const auto* send = std::get_if<Send>(&op.what)) {
      const Rank to = neighbour(send->peer);
      arrow_end(span, op, 's', {span.rank, to, send->tag, sent_[{span.rank, to, send->tag}]++});
    } else if (const auto* recv = std::get_if<Recv>(&op.what)) {
      const Rank from = neighbour(recv->peer);
      arrow_end(span, op, 'f',
                {from, span.rank, recv->tag, received_[{from, span.rank, recv->tag}]++});
    }
  }

  void arrow_end(const Span& span, const Op& op, char phase, const FlowKey& key) {
    const auto [at, fresh] = flow_ids_.try_emplace(key, flow_ids_.size());
    event(std::string("\"ph\":\"") + phase +
          "\",\"bp\":\"e\",\"name\":\"message\",\"cat\":\"message\",\"id\":" +
          std::to_string(at->second) + "," + place(span.rank, op.stream) +
          ",\"ts\":" + micros(phase == 's' ? span.begin : span.end));
  }

  /// Live memory at the end of each call, at the time of the call's last span.
  void memory_counters(const std::vector<std::vector<Bytes>>& memory_by_program) {
    std::map<std::pair<Rank, std::uint32_t>, Seconds> ends;
    for (const Span& span : trace_.spans) {
      Seconds& end = ends[{span.rank, span.call}];
      end = std::max(end, span.end);
    }
    for (const auto& [key, end] : ends) {
      const auto& live = memory_by_program[job_.ranks[key.first].program];
      event("\"ph\":\"C\",\"name\":\"memory\",\"pid\":" + std::to_string(key.first) + ",\"ts\":" +
            micros(end) + ",\"args\":{\"bytes\":" + std::to_string(live[key.second].value()) + "}");
    }
  }

  const Job& job_;
  const Trace& trace_;
  std::string out_;
  bool first_ = true;
  std::map<std::tuple<Rank, Rank, std::uint32_t>, std::uint64_t> sent_, received_;
  std::map<FlowKey, std::size_t> flow_ids_;
};

}  // namespace

std::string chrome_trace(const Job& job, const Trace& trace,
                         const std::vector<std::vector<Bytes>>& memory_by_program) {
  return Writer(job, trace).write(memory_by_program);
}

}  // namespace stepcast
