// Chrome traces as chrome_trace.h writes them, read back: what each rank did on each stream, and
// when.
#pragma once

#include <compare>
#include <cstdint>
#include <string>
#include <vector>

#include "sim/program/program.h"

namespace stepcast {

/// What a slice shows, but for its microbatch and layer.
struct TraceLabel {
  std::string name;      ///< "gemm_forward", "all_reduce", "send"
  std::string category;  ///< "kernel", "collective", "p2p"
  std::string phase;     ///< "backward"
  std::string detail;    ///< the kernel with its dimensions, or group and bytes

  auto operator<=>(const TraceLabel&) const = default;
};

struct TraceSlice {
  std::int64_t begin = 0, end = 0;  ///< nanoseconds
  std::uint32_t label = 0;          ///< index into TraceFile::labels
  std::int32_t microbatch = 0;
  std::int32_t layer = -1;
  Stream stream{};
};

struct TracedRank {
  std::int64_t rank = 0;
  std::string name;                ///< "rank 0, stage 0 of 2"
  std::vector<TraceSlice> slices;  ///< of each stream in order of begin
};

struct TraceFile {
  std::string file;
  std::vector<TraceLabel> labels;
  std::vector<TracedRank> ranks;  ///< by rank

  /// Nanoseconds, of the first slice and after the last one.
  std::int64_t begin() const;
  std::int64_t end() const;
};

/// Reads `.json` or `.json.gz`, an event a line. Throws Error: kIo; kInput with the line of what is
/// no event of stepcast's, and for a trace without slices.
TraceFile read_trace_file(const std::string& file);
/// As above, of the text of chrome_trace(); `name` stands in messages.
TraceFile parse_trace(const std::string& text, const std::string& name);

}  // namespace stepcast
