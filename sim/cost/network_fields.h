// The fields of a network profile that are one figure each, as a table: what the file's reader, its
// writer and the fit of profiles share.
#pragma once

#include <span>
#include <string_view>
#include <variant>

#include "sim/cost/network_profile.h"

namespace stepcast {

struct NetworkField {
  std::string_view key;  ///< in the file: the field's own name
  std::variant<double NetworkProfile::*, Seconds NetworkProfile::*, BytesPerSec NetworkProfile::*>
      field;
  NumberRange range{};         ///< of a number
  bool required = false;       ///< else it may be absent, and stays as the struct has it
  bool by_generation = false;  ///< may stand in the table `generations` instead

  double get(const NetworkProfile& profile) const;  ///< seconds, bytes per second
  void set(NetworkProfile& profile, double value) const;
};

std::span<const NetworkField> network_fields();
/// Of one field, by its key: in seconds or bytes per second where it has a unit.
double network_figure(const NetworkProfile& profile, std::string_view key);

/// Of one protocol, the same: "base", "tree_efficiency".
struct ProtocolField {
  std::string_view key;
  std::variant<double ProtocolCosts::*, Seconds ProtocolCosts::*> field;
};
std::span<const ProtocolField> protocol_fields();

}  // namespace stepcast
