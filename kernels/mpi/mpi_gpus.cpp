#include "kernels/mpi/mpi_gpus.h"

#include <sstream>

#include "sim/base/error.h"

namespace stepcast {
namespace {

constexpr const char* kGood = "good\n";

/// What find() says on each rank, by rank, behind kGood; or why some can't.
template <typename Find>
std::vector<std::string> of_all(MpiGroup& group, const char* operation, Find find) {
  std::string mine;
  try {
    mine = kGood + find();
  } catch (const Error& error) {
    mine = error.what();
  }
  std::vector<std::string> all;
  group.run([&](RankContext& context) {
    context.begin_operation(operation);
    all = gather(*context.world(), mine);
    return 0;
  });
  std::string bad;
  for (int rank = 0; rank < group.ranks(); ++rank) {
    std::string& text = all[static_cast<std::size_t>(rank)];
    if (text.starts_with(kGood))
      text.erase(0, std::string_view(kGood).size());
    else
      bad += (bad.empty() ? "" : "; ") + ("rank " + std::to_string(rank)) + " on " +
             group.host(rank) + ": " + text;
  }
  if (!bad.empty()) throw Error(ErrorKind::kUnsupported, "no GPU can be used: " + bad);
  return all;
}

/// A line of versions, and one for each GPU.
std::string sight_as_text() {
  const GpuModule& module = load_gpu_module();
  std::string text = module.versions() + '\n';
  for (const GpuName& gpu : module.gpus())
    text += gpu.bus_id + ' ' + std::to_string(gpu.num_sms) + ' ' + gpu.name + '\n';
  return text;
}

GpusInSight sight_of_text(const std::string& text) {
  std::istringstream lines(text);
  GpusInSight sight;
  std::getline(lines, sight.versions);
  for (GpuName gpu; lines >> gpu.bus_id >> gpu.num_sms && std::getline(lines >> std::ws, gpu.name);)
    sight.gpus.push_back(gpu);
  return sight;
}

}  // namespace

std::vector<GpusInSight> see_gpus(MpiGroup& group) {
  std::vector<GpusInSight> sights;
  for (const std::string& text : of_all(group, "looking for GPUs", sight_as_text)) {
    const int rank = static_cast<int>(sights.size());
    sights.push_back(sight_of_text(text));
    sights.back().host = group.host(rank);
    sights.back().node = group.node(rank);
  }
  return sights;
}

std::vector<GpuRoom> rooms_of_ranks(MpiGroup& group, const GpuPlacement& placement) {
  const int own = placement.number(group.rank());
  const auto room = [&] {
    const GpuRoom now = load_gpu_module().room(own);
    return std::to_string(now.free.value()) + ' ' + std::to_string(now.total.value());
  };
  // The first time makes the contexts; when all have said so, all are there.
  of_all(group, "a context on each GPU", room);
  std::vector<GpuRoom> rooms;
  for (const std::string& text : of_all(group, "memory of each GPU", room)) {
    std::int64_t free = 0, total = 0;
    std::istringstream(text) >> free >> total;
    rooms.push_back({.free = Bytes(free), .total = Bytes(total)});
  }
  return rooms;
}

}  // namespace stepcast
