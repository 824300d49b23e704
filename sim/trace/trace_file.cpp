#include "sim/trace/trace_file.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <map>
#include <optional>
#include <sstream>
#include <string_view>
#include <utility>

#include "sim/base/error.h"
#include "sim/base/json_document.h"
#include "sim/base/line_reader.h"

namespace stepcast {
namespace {

constexpr std::int64_t kMostRanks = 1 << 20;
constexpr double kMostMicros = 1e15;

class Reader {
 public:
  /// `next_line` as LineReader::next().
  Reader(std::string file, std::function<bool(std::string&)> next_line)
      : next_line_(std::move(next_line)) {
    trace_.file = std::move(file);
  }

  TraceFile read() && {
    std::string line;
    if (!next(line) || !line.starts_with("{\"schemaVersion\""))
      refuse("is no trace that stepcast has written (predict --trace, live --trace)");
    if (line.find("\"complete\":false") != std::string::npos)
      refuse("is of a step that did not end; compare whole steps");
    if (line.find("\"sideBySide\":true") != std::string::npos)
      refuse("shows two runs side by side; compare the traces of one run each");
    bool ended = false;
    while (next(line)) {
      if (ended) refuse("goes on after its end");
      ended = line == "]}";
      if (line.ends_with(',')) line.pop_back();
      if (line.starts_with("{")) event(parse_json(line, trace_.file).root());
    }
    if (!ended) refuse("ends too early: the last line of a trace is ]}");
    for (auto& [rank, traced] : ranks_)
      if (!traced.slices.empty()) trace_.ranks.push_back(std::move(traced));
    for (TracedRank& rank : trace_.ranks)
      std::ranges::stable_sort(rank.slices, {}, &TraceSlice::begin);
    if (trace_.ranks.empty()) refuse("holds no op: the run ended before its first step");
    if (trace_.end() == trace_.begin()) refuse("holds a step of no length");
    trace_.labels.resize(labels_.size());
    for (const auto& [label, index] : labels_) trace_.labels[index] = label;
    return std::move(trace_);
  }

 private:
  bool next(std::string& line) {
    ++line_number_;
    return next_line_(line);
  }

  [[noreturn]] void refuse(const std::string& message) const {
    throw Error(ErrorKind::kInput, {Problem{.file = trace_.file,
                                            .line = line_number_,
                                            .column = 0,
                                            .path = "",
                                            .message = message}});
  }

  std::string text(const JsonValue& event, std::string_view key) const {
    const auto member = event.member(key);
    const auto value = member ? member->as_string() : std::nullopt;
    if (!value) refuse("an event has no text \"" + std::string(key) + "\"");
    return *value;
  }
  std::int64_t integer(const JsonValue& event, std::string_view key, std::int64_t most,
                       std::optional<std::int64_t> otherwise = {}) const {
    const auto member = event.member(key);
    if (!member && otherwise) return *otherwise;
    const auto value = member ? member->as_integer() : std::nullopt;
    if (!value || *value < 0 || *value > most)
      refuse("an event's \"" + std::string(key) + "\" must be a whole number from 0 to " +
             std::to_string(most));
    return *value;
  }
  std::int64_t nanoseconds(const JsonValue& event, std::string_view key) const {
    const auto member = event.member(key);
    const auto micros = member ? member->as_number() : std::nullopt;
    if (!micros || *micros < 0 || *micros > kMostMicros)
      refuse("a slice's \"" + std::string(key) + "\" must be a number of microseconds");
    return std::llround(*micros * 1e3);
  }

  void event(const JsonValue& event) {
    const std::string kind = text(event, "ph");
    if (kind == "M" && text(event, "name") == "process_name") {
      const std::int64_t rank = integer(event, "pid", kMostRanks);
      const auto arguments = event.member("args");
      ranks_[rank].rank = rank;
      if (arguments) ranks_[rank].name = text(*arguments, "name");
    }
    if (kind == "X") slice(event);
  }

  void slice(const JsonValue& event) {
    const std::int64_t rank = integer(event, "pid", kMostRanks);
    const auto arguments = event.member("args");
    if (!arguments) refuse("a slice has no \"args\"");
    TraceSlice slice;
    slice.stream = static_cast<Stream>(integer(event, "tid", kNumStreams - 1));
    slice.begin = nanoseconds(event, "ts");
    slice.end = slice.begin + nanoseconds(event, "dur");
    slice.microbatch = static_cast<std::int32_t>(integer(*arguments, "microbatch", 1 << 30));
    slice.layer = static_cast<std::int32_t>(integer(*arguments, "layer", 1 << 15, -1));
    slice.label = label_of(event, *arguments);
    ranks_[rank].rank = rank;
    ranks_[rank].slices.push_back(slice);
  }

  std::uint32_t label_of(const JsonValue& event, const JsonValue& arguments) {
    TraceLabel label{.name = text(event, "name"),
                     .category = text(event, "cat"),
                     .phase = text(arguments, "phase"),
                     .detail = {}};
    if (label.category == "kernel") {
      label.detail = text(arguments, "kernel");
    } else {
      label.detail = std::to_string(integer(arguments, "bytes", std::int64_t{1} << 60)) + " B";
      if (arguments.member("group"))
        label.detail = "over " + text(arguments, "group") + ", " + label.detail;
    }
    return labels_.try_emplace(std::move(label), static_cast<std::uint32_t>(labels_.size()))
        .first->second;
  }

  std::function<bool(std::string&)> next_line_;
  int line_number_ = 0;
  TraceFile trace_;
  std::map<std::int64_t, TracedRank> ranks_;
  std::map<TraceLabel, std::uint32_t> labels_;
};

}  // namespace

std::int64_t TraceFile::begin() const {
  std::int64_t first = ranks.front().slices.front().begin;
  for (const TracedRank& rank : ranks) first = std::min(first, rank.slices.front().begin);
  return first;
}

std::int64_t TraceFile::end() const {
  std::int64_t last = 0;
  for (const TracedRank& rank : ranks)
    for (const TraceSlice& slice : rank.slices) last = std::max(last, slice.end);
  return last;
}

TraceFile read_trace_file(const std::string& file) {
  LineReader lines(file);
  return Reader(file, [&lines](std::string& line) { return lines.next(line); }).read();
}

TraceFile parse_trace(const std::string& text, const std::string& name) {
  std::istringstream lines(text);
  return Reader(name, [&lines](std::string& line) { return !std::getline(lines, line).fail(); })
      .read();
}

}  // namespace stepcast
