// Two traces as one, for a viewer: tracks of A and B in turn.
#include <set>
#include <string_view>
#include <utility>

#include "sim/base/json_writer.h"
#include "sim/base/printed.h"
#include "sim/trace/chrome_trace.h"
#include "sim/trace/compare_traces.h"

namespace stepcast {
namespace {

std::string quoted(std::string_view text) {
  std::string out;
  append_json_string(out, text);
  return out;
}

/// Microseconds with three decimals.
std::string micros(std::int64_t nanoseconds) {
  return printed("%lld.%03lld", static_cast<long long>(nanoseconds / 1000),
                 static_cast<long long>(nanoseconds % 1000));
}

class Writer {
 public:
  /// Rank r of this trace becomes process 2 r + `side`.
  void add(const TraceFile& trace, const std::string& name, int side) {
    const std::int64_t begin = trace.begin();
    for (const TracedRank& rank : trace.ranks) {
      const std::int64_t process = 2 * rank.rank + side;
      process_names(process, name + ": " + rank.name, rank);
      for (const TraceSlice& slice : rank.slices)
        this->slice(trace.labels[slice.label], slice, process, begin);
    }
  }

  std::string take() && { return std::move(out_) + "\n]}\n"; }

 private:
  void event(const std::string& fields) {
    out_ += first_ ? "{" : ",\n{";
    first_ = false;
    out_ += fields + "}";
  }

  void process_names(std::int64_t process, const std::string& name, const TracedRank& rank) {
    const std::string pid = ",\"pid\":" + std::to_string(process);
    event("\"ph\":\"M\",\"name\":\"process_name\"" + pid + ",\"args\":{\"name\":" + quoted(name) +
          "}");
    event("\"ph\":\"M\",\"name\":\"process_sort_index\"" + pid +
          ",\"args\":{\"sort_index\":" + std::to_string(process) + "}");
    std::set<Stream> streams;
    for (const TraceSlice& slice : rank.slices) streams.insert(slice.stream);
    for (const Stream stream : streams)
      event("\"ph\":\"M\",\"name\":\"thread_name\"" + pid +
            ",\"tid\":" + std::to_string(static_cast<int>(stream)) +
            ",\"args\":{\"name\":" + quoted(track_name(stream)) + "}");
  }

  void slice(const TraceLabel& label, const TraceSlice& slice, std::int64_t process,
             std::int64_t begin) {
    std::string arguments = "\"phase\":" + quoted(label.phase) +
                            ",\"microbatch\":" + std::to_string(slice.microbatch) +
                            ",\"detail\":" + quoted(label.detail);
    if (slice.layer >= 0) arguments += ",\"layer\":" + std::to_string(slice.layer);
    event("\"ph\":\"X\",\"name\":" + quoted(label.name) + ",\"cat\":" + quoted(label.category) +
          ",\"pid\":" + std::to_string(process) +
          ",\"tid\":" + std::to_string(static_cast<int>(slice.stream)) +
          ",\"ts\":" + micros(slice.begin - begin) + ",\"dur\":" + micros(slice.end - slice.begin) +
          ",\"args\":{" + arguments + "}");
  }

  std::string out_ =
      "{\"schemaVersion\":1,\"sideBySide\":true,\"displayTimeUnit\":\"ms\",\"traceEvents\":[\n";
  bool first_ = true;
};

}  // namespace

std::string side_by_side(const TraceFile& a, const TraceFile& b, const std::string& name_a,
                         const std::string& name_b) {
  Writer writer;
  writer.add(a, name_a, 0);
  writer.add(b, name_b, 1);
  return std::move(writer).take();
}

}  // namespace stepcast
