#include "sim/lowering/schedules.h"

#include "sim/base/named_table.h"
#include "sim/lowering/schedules/schedules.h"

namespace stepcast {
namespace {

constexpr Schedule kTable[] = {
    {"gpipe", false, gpipe, "all forward passes, then all backward passes"},
    {"one_f_one_b", false, one_f_one_b, "one forward, one backward in turn after a warm-up"},
    {"interleaved", true, interleaved, "1F1B over several model chunks per stage"},
};

}  // namespace

std::span<const Schedule> schedule_table() { return kTable; }

const Schedule& find_schedule(std::string_view name) {
  return find_row(schedule_table(), name, "pipeline schedule");
}

}  // namespace stepcast
