#include "sim/engine/calibrated_figure.h"

#include <algorithm>
#include <bit>

namespace stepcast {
namespace {

/// log2, linear between powers of two: without libm, so the same everywhere.
double log2_of(std::int64_t value) {
  const auto bits = static_cast<std::uint64_t>(value);
  const int whole = std::bit_width(bits) - 1;
  return whole + static_cast<double>(bits) / static_cast<double>(std::uint64_t{1} << whole) - 1.0;
}

double factor_at(const CollectiveCorrection& correction, std::int64_t size) {
  const auto above = std::upper_bound(correction.sizes.begin(), correction.sizes.end(), size);
  const auto right = static_cast<std::size_t>(above - correction.sizes.begin());
  if (right == correction.sizes.size()) return correction.factors.back();
  const double from = log2_of(correction.sizes[right - 1]), to = log2_of(correction.sizes[right]);
  const double share = (log2_of(size) - from) / (to - from);
  return correction.factors[right - 1] +
         share * (correction.factors[right] - correction.factors[right - 1]);
}

bool inside(const CollectiveDomain& domain, std::string_view op, int ranks, int nodes,
            std::int64_t size) {
  return std::find(domain.ops.begin(), domain.ops.end(), op) != domain.ops.end() &&
         ranks <= domain.max_ranks && nodes <= domain.max_nodes && size >= domain.min_size &&
         size <= domain.max_size;
}

}  // namespace

CalibratedFigure calibrated_figure(const NetworkProfile& profile, std::string_view op, int ranks,
                                   int nodes, Bytes size) {
  for (const CollectiveCorrection& correction : profile.corrections)
    if (correction.op == op && correction.ranks == ranks && correction.nodes == nodes &&
        size.value() >= correction.sizes.front() && size.value() <= correction.sizes.back())
      return {.factor = factor_at(correction, size.value()), .grade = Grade::kMeasured};
  if (profile.domain && !inside(*profile.domain, op, ranks, nodes, size.value()))
    return {.factor = 1, .grade = worst(profile.grade, Grade::kTransferred)};
  return {.factor = 1, .grade = profile.grade};
}

}  // namespace stepcast
