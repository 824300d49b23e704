#include "sim/topology/shapes/grid.h"

#include <algorithm>

namespace stepcast {

std::vector<std::int64_t> read_dims(Fields& fields, Problems& problems, std::string_view key,
                                    std::size_t fewest, std::size_t most) {
  const std::optional<JsonValue> value =
      fields.required_child(key, "a list of whole numbers [...]");
  if (!value) return {};
  std::vector<std::int64_t> dims;
  for (const JsonValue& element : value->is_array() ? value->elements() : std::vector<JsonValue>{})
    if (const auto size = element.as_integer(); size && *size >= 1 && *size <= kMostGpusPerNode)
      dims.push_back(*size);
  const bool whole = value->is_array() && dims.size() == value->elements().size();
  if (whole && dims.size() >= fewest && dims.size() <= most) return dims;
  const std::string many = fewest == most ? std::to_string(most)
                                          : std::to_string(fewest) + " to " + std::to_string(most);
  problems.add(value->problem("must be a list of " + many + " whole numbers from 1 to " +
                              std::to_string(kMostGpusPerNode) + ", the GPUs along each side"));
  return {};
}

void check_product(Fields& fields, const Node& node, const std::vector<std::int64_t>& dims) {
  if (dims.empty()) return;
  std::int64_t places = 1;
  for (const std::int64_t size : dims) places = std::min(places * size, kMostGpusPerNode + 1);
  if (places != node.gpus)
    fields.reject("gpus",
                  "= " + std::to_string(node.gpus) +
                      " must be the number of places in the grid, the product of its sides");
}

std::int64_t Grid::stride(std::size_t d) const {
  std::int64_t stride = 1;
  for (std::size_t i = d + 1; i < dims.size(); ++i) stride *= dims[i];
  return stride;
}

}  // namespace stepcast
