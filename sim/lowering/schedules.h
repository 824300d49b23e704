// Pipeline schedules: in which order a stage runs the forward and backward passes of its model
// chunks. Which messages travel between them follows from the order (pipeline.h). A new schedule is
// one file in schedules/ and a row in schedules.cpp.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

namespace stepcast {

enum class Pass : std::uint8_t { kForward, kBackward };

/// One pass of one microbatch through one model chunk of the stage.
struct Action {
  Pass pass{};
  std::uint32_t chunk = 0;
  std::uint32_t microbatch = 0;
  /// True: messages that the software waits for travel with those of the next pass, not in between.
  bool exchanges_with_next = false;
  bool operator==(const Action&) const = default;
};

/// One pipeline rank's place. Chunk c of stage s is the (c * stages + s)-th part of the model.
struct StagePosition {
  std::uint32_t stage = 0;
  std::uint32_t stages = 1;
  std::uint32_t chunks = 1;  ///< model chunks per stage
  std::uint32_t microbatches = 1;
};

/// A row of the table. `actions` returns every pass of the step exactly once.
struct Schedule {
  std::string_view name;
  bool takes_chunks = false;  ///< can run more than one model chunk per stage
  std::vector<Action> (*actions)(const StagePosition&);
  std::string_view description;
};

std::span<const Schedule> schedule_table();
/// Throws Error(kInput) listing the names that exist.
const Schedule& find_schedule(std::string_view name);

}  // namespace stepcast
