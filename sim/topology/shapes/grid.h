// Reading the sizes of a grid.
#pragma once

#include "sim/topology/shapes/node_shape.h"

namespace stepcast {

/// A list of `fewest` to `most` sizes of at least 1 each; empty after a mistake.
std::vector<std::int64_t> read_dims(Fields& fields, Problems& problems, std::string_view key,
                                    std::size_t fewest, std::size_t most);
/// Reports a grid that does not have node.gpus places; an empty one was reported before.
void check_product(Fields& fields, const Node& node, const std::vector<std::int64_t>& dims);

}  // namespace stepcast
