// The machine that is measured.
#pragma once

#include <string>
#include <utility>
#include <vector>

namespace stepcast {

/// "AMD EPYC 9R14 Processor", as /proc/cpuinfo names it; its architecture where that says nothing.
std::string machine_name();

/// For DeviceProfile::provenance: machine, cores online, kernel, the BLAS library and the core that
/// it was built for.
std::vector<std::pair<std::string, std::string>> machine_facts();

/// Puts the calling thread on the first core that it may use and lets it flush denormals to zero,
/// as live ranks do.
void prepare_cpu();

}  // namespace stepcast
