#include "sim/cost/network_profile.h"

#include "sim/cost/network_fields.h"

namespace stepcast {

NetworkProfile for_generation(NetworkProfile profile, std::string_view generation) {
  profile.generation = generation;
  if (profile.intra_efficiency > 0) return profile;
  std::string known;
  for (const InterconnectGeneration& row : profile.generations) {
    known += " " + row.generation;
    if (row.generation != generation) continue;
    for (const NetworkField& field : network_fields())
      for (const auto& [key, value] : row.values)
        if (key == field.key) field.set(profile, value);
    return profile;
  }
  throw Error(ErrorKind::kUnsupported,
              "network profile \"" + profile.name +
                  "\" does not say how fast devices of generation \"" + std::string(generation) +
                  "\" are among each other; it knows:" + known +
                  ". Add a row to its \"generations\", or give \"intra_efficiency\"");
}

NetworkProfile ideal_network_profile() {
  NetworkProfile profile;
  profile.name = "ideal";
  profile.relative_sigma = 0;
  profile.intra_efficiency = 1;
  return profile;
}

}  // namespace stepcast
