#include "sim/engine/grid_rings.h"

#include <algorithm>
#include <array>
#include <numeric>
#include <optional>

#include "sim/base/error.h"

namespace stepcast {
namespace {

using Walk = std::vector<std::uint32_t>;

void add_both_ways(Walk walk, std::vector<Walk>& walks) {
  walks.push_back(walk);
  std::reverse(walk.begin() + 1, walk.end());
  walks.push_back(std::move(walk));
}

/// Two cycles over the torus of `first` x `second` places (both closed walks over places of the
/// box) that share no link and leave none unused, as places of the product.
///
/// Of every place one cycle goes on along the first dimension, and the other one along the second:
/// which way round depends on the sum of the coordinates modulo d = gcd(m, n), and the first cycle
/// takes the first dimension a times in d. Such a walk is one cycle over all places exactly when
/// gcd(m, a) = gcd(n, d - a) = 1 [Trotter and Erdos, When the Cartesian product of directed cycles
/// is Hamiltonian, 1978].
std::optional<std::array<std::vector<std::pair<std::int64_t, std::int64_t>>, 2>> two_cycles(
    std::int64_t m, std::int64_t n) {
  const std::int64_t d = std::gcd(m, n);
  for (std::int64_t a = 1; a < d; ++a) {
    if (std::gcd(m, a) != 1 || std::gcd(n, d - a) != 1 || std::gcd(m, d - a) != 1 ||
        std::gcd(n, a) != 1)
      continue;
    std::array<std::vector<std::pair<std::int64_t, std::int64_t>>, 2> cycles;
    for (int cycle = 0; cycle < 2; ++cycle) {
      std::int64_t i = 0, j = 0;
      for (std::int64_t step = 0; step < m * n; ++step) {
        cycles[cycle].push_back({i, j});
        const bool along_first = ((i + j) % d < a) == (cycle == 0);
        along_first ? i = (i + 1) % m : j = (j + 1) % n;
      }
    }
    return cycles;
  }
  return std::nullopt;
}

std::int64_t stride(const GridBox& box, std::size_t d) {
  std::int64_t stride = 1;
  for (std::size_t i = d + 1; i < box.dims.size(); ++i) stride *= box.dims[i];
  return stride;
}

std::int64_t places(const GridBox& box) { return stride(box, 0) * box.dims.front(); }

/// Places of one row along a dimension, from the corner.
Walk row(const GridBox& box, std::size_t d) {
  Walk walk;
  for (std::int64_t i = 0; i < box.dims[d]; ++i)
    walk.push_back(static_cast<std::uint32_t>(i * stride(box, d)));
  return walk;
}

/// The two cycles over the product of two closed walks; places add up.
std::vector<Walk> cycles_over(const Walk& first, const Walk& second) {
  const auto cycles = two_cycles(std::ssize(first), std::ssize(second));
  if (!cycles) return {};
  std::vector<Walk> walks;
  for (const auto& cycle : *cycles) {
    Walk& walk = walks.emplace_back();
    for (const auto& [i, j] : cycle)
      walk.push_back(first[static_cast<std::size_t>(i)] + second[static_cast<std::size_t>(j)]);
  }
  return walks;
}

/// Three dimensions: the two cycles of a plane, each crossed with the third dimension, for every
/// choice of the third. A cycle of a plane uses half of the plane's links, and the third
/// dimension's are used by both: over the three choices every link is used four times.
std::vector<Walk> cycles_of_cube(const GridBox& box) {
  std::vector<Walk> all;
  for (std::size_t third = 0; third < 3; ++third)
    for (const Walk& plane : cycles_over(row(box, (third + 1) % 3), row(box, (third + 2) % 3)))
      for (Walk& cycle : cycles_over(plane, row(box, third))) all.push_back(std::move(cycle));
  if (all.size() != 12) all.clear();
  return all;
}

std::vector<Walk> even_cycles(const GridBox& box) {
  const bool wraps = std::ranges::all_of(box.wraps, [](bool wrap) { return wrap; });
  if (!wraps) return {};
  if (box.dims.size() == 2) return cycles_over(row(box, 0), row(box, 1));
  if (box.dims.size() == 3) return cycles_of_cube(box);
  return {};
}

/// A path over the first `count` dimensions (an even number of them or not): there and back in
/// turn.
Walk boustrophedon(const GridBox& box) {
  Walk path = {0};
  for (std::size_t d = box.dims.size(); d-- > 0;) {
    Walk longer;
    for (std::int64_t i = 0; i < box.dims[d]; ++i) {
      for (std::uint32_t place : path)
        longer.push_back(place + static_cast<std::uint32_t>(i * stride(box, d)));
      std::reverse(path.begin(), path.end());
    }
    path = std::move(longer);
  }
  return path;
}

/// A closed snake. With an even side: down along the first places of all rows, and back up over the
/// rest of every row in turn; a row is a path over the other dimensions.
Walk snake(GridBox box) {
  const auto even = std::ranges::find_if(box.dims, [](std::int64_t size) { return size % 2 == 0; });
  if (even == box.dims.end() || box.dims.size() == 1) return boustrophedon(box);
  const auto d = static_cast<std::size_t>(even - box.dims.begin());
  const Walk spine = row(box, d);
  GridBox flat = box;
  flat.dims[d] = 1;
  Walk rest = boustrophedon(flat);  // places of the box with coordinate 0 in d
  for (std::uint32_t& place : rest) {
    // `flat` numbers its places without dimension d.
    const auto inner = static_cast<std::uint32_t>(stride(box, d));
    const std::uint32_t outer = place / inner;
    place = outer * inner * static_cast<std::uint32_t>(box.dims[d]) + place % inner;
  }
  Walk walk;
  for (std::size_t i = 0; i < spine.size(); ++i) {
    Walk part(rest.begin() + 1, rest.end());
    if (i % 2 == 1) std::reverse(part.begin(), part.end());
    for (std::uint32_t place : part) walk.push_back(spine[i] + place);
  }
  for (std::size_t i = spine.size(); i-- > 0;) walk.push_back(spine[i]);
  std::rotate(walk.begin(), walk.end() - 1, walk.end());
  return walk;
}

/// Without sides of one place.
GridBox without_flat_sides(const GridBox& box) {
  GridBox slim;
  for (std::size_t d = 0; d < box.dims.size(); ++d)
    if (box.dims[d] > 1) {
      slim.dims.push_back(box.dims[d]);
      slim.wraps.push_back(box.wraps[d] && box.dims[d] > 2);
    }
  return slim;
}

/// The box from the least to the greatest coordinates of some GPUs.
struct Corner {
  std::vector<std::int64_t> at;
  GridBox box;
};
Corner box_around(const Grid& grid, std::span<const std::uint32_t> members) {
  Corner corner;
  for (std::size_t d = 0; d < grid.dims.size(); ++d) {
    std::int64_t least = grid.dims[d], most = 0;
    for (std::uint32_t gpu : members) {
      least = std::min(least, grid.coordinate(gpu, d));
      most = std::max(most, grid.coordinate(gpu, d));
    }
    corner.at.push_back(least);
    corner.box.dims.push_back(most - least + 1);
    corner.box.wraps.push_back(grid.wraps(d) && most - least + 1 == grid.dims[d]);
  }
  return corner;
}

/// The GPU at a place of the box.
std::uint32_t gpu_at(const Grid& grid, const Corner& corner, std::uint32_t place) {
  std::int64_t gpu = 0;
  for (std::size_t d = 0; d < grid.dims.size(); ++d)
    gpu += (corner.at[d] + place / stride(corner.box, d) % corner.box.dims[d]) * grid.stride(d);
  return static_cast<std::uint32_t>(gpu);
}

}  // namespace

std::vector<Walk> grid_rings(const GridBox& full) {
  const GridBox box = without_flat_sides(full);
  if (box.dims.empty()) return {{0}};
  const std::int64_t count = places(box);
  std::vector<Walk> walks;
  for (Walk& cycle : even_cycles(box)) add_both_ways(std::move(cycle), walks);
  if (walks.empty()) {
    Walk walk = snake(box);
    // A line that does not close comes back over the links the other way: one walk uses both ways.
    const bool there_and_back = box.dims.size() == 1 && !box.wraps[0];
    there_and_back ? walks.push_back(std::move(walk)) : add_both_ways(std::move(walk), walks);
  }
  for (const Walk& walk : walks)
    STEPCAST_CHECK(std::ssize(walk) == count, "a snake that does not pass every place once");
  return walks;
}

std::vector<Walk> grid_walks(const Grid& grid, std::span<const std::uint32_t> members) {
  const Corner corner = box_around(grid, members);
  if (places(corner.box) == std::ssize(members)) {
    std::vector<Walk> walks = grid_rings(corner.box);
    for (Walk& walk : walks)
      for (std::uint32_t& place : walk) place = gpu_at(grid, corner, place);
    return walks;
  }
  const Walk order = snake({grid.dims, std::vector<bool>(grid.dims.size(), false)});
  std::vector<bool> is_member(order.size(), false);
  for (std::uint32_t gpu : members) is_member[gpu] = true;
  Walk walk;
  for (std::uint32_t gpu : order)
    if (is_member[gpu]) walk.push_back(gpu);
  return {walk};
}

}  // namespace stepcast
