// What the readers of a topology's parts have in common.
#pragma once

#include <span>
#include <string_view>
#include <vector>

#include "sim/topology/shapes/fabric_shape.h"

namespace stepcast {

/// The column `name` of a table.
template <typename Row>
std::vector<std::string_view> names_of(std::span<const Row> table) {
  std::vector<std::string_view> names;
  for (const Row& row : table) names.push_back(row.name);
  return names;
}

/// Whether reading has gone well since this object was made. A rule between fields is asked about
/// only when each of them is right, so that one mistake is one message.
class Faultless {
 public:
  explicit Faultless(const Problems& problems)
      : problems_(problems), before_(problems.all().size()) {}
  explicit operator bool() const { return problems_.all().size() == before_; }

 private:
  const Problems& problems_;
  std::size_t before_;
};

/// A fabric for nodes like these.
FabricSpec read_fabric(JsonValue value, Problems& problems, std::span<const NodeGroup> groups);

/// `data_centers` and `wan`, into a topology whose nodes are read.
void read_data_centers(Fields& fields, Problems& problems, Topology& topology);

}  // namespace stepcast
