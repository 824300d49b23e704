#include "kernels/live/weights.h"

#include <algorithm>
#include <cmath>
#include <thread>
#include <vector>

#include "kernels/live/fingerprint.h"
#include "kernels/live/hashed.h"
#include "kernels/live/rank_main.h"

namespace stepcast {
namespace {

/// Box and Muller 1958.
double hashed_normal(std::uint64_t a, std::uint64_t b, std::uint64_t c) {
  constexpr double kPi = 3.14159265358979323846;
  const double u = 1 - hashed_unit(a, b, 2 * c), v = hashed_unit(a, b, 2 * c + 1);
  return std::sqrt(-2 * std::log(u)) * std::cos(2 * kPi * v);
}

float normal_value(const WeightTensor& weight, std::uint64_t name, std::int64_t element,
                   std::uint64_t seed) {
  return static_cast<float>(weight.shape.deviation *
                            hashed_normal(seed, name, static_cast<std::uint64_t>(element)));
}

/// Calls part(begin, end) on as many threads as this rank has cores, which are more than one where
/// it computes on a GPU. Models of billions of parameters take minutes on one.
template <typename Part>
void in_parts(std::size_t count, const Part& part) {
  constexpr std::size_t kLeast = std::size_t{1} << 16;
  const std::size_t parts = std::clamp<std::size_t>(count / kLeast, 1, usable_cores().size());
  std::vector<std::jthread> threads;
  for (std::size_t i = 1; i < parts; ++i)
    threads.emplace_back(part, count * i / parts, count * (i + 1) / parts);
  part(0, count / parts);
}

/// Where position `at` of a shard lies along the split axis.
std::int64_t along_axis(const WeightShape& shape, std::int64_t ranks, std::int64_t index,
                        std::int64_t at) {
  std::int64_t before = 0;
  for (const std::int64_t section : shape.sections) {
    if (at < before + section) return ranks * before + index * section + at - before;
    before += section;
  }
  return at;
}

}  // namespace

std::int64_t global_elements(const WeightShape& shape, std::int64_t ranks) {
  return shape.elements() * (shape.split == SplitAxis::kWhole ? 1 : ranks);
}

std::int64_t global_element(const WeightShape& shape, std::int64_t ranks, std::int64_t index,
                            std::int64_t local) {
  std::int64_t row = local / shape.columns, column = local % shape.columns;
  std::int64_t width = shape.columns;
  if (shape.split == SplitAxis::kRows) row = along_axis(shape, ranks, index, row);
  if (shape.split == SplitAxis::kColumns) {
    column = along_axis(shape, ranks, index, column);
    width *= ranks;
  }
  return row * width + column;
}

float initial_value(const WeightTensor& weight, std::int64_t element, std::uint64_t seed) {
  switch (weight.shape.initial) {
    case Initial::kZeros:
      return 0;
    case Initial::kOnes:
      return 1;
    case Initial::kNormal:
      break;
  }
  return normal_value(weight, fingerprint(weight.name), element, seed);
}

void initialise(const WeightTensor& weight, const LiveRank& rank, std::uint64_t seed,
                std::span<float> shard) {
  if (weight.shape.initial != Initial::kNormal) {
    std::ranges::fill(shard, initial_value(weight, 0, seed));
    return;
  }
  const std::int64_t ranks = rank.size(GroupRole::kTensor), index = rank.index(GroupRole::kTensor);
  const std::uint64_t name = fingerprint(weight.name);
  in_parts(shard.size(), [&](std::size_t begin, std::size_t end) {
    for (std::size_t i = begin; i < end; ++i)
      shard[i] = normal_value(
          weight, name, global_element(weight.shape, ranks, index, static_cast<std::int64_t>(i)),
          seed);
  });
}

}  // namespace stepcast
