#include "kernels/profiler/machine.h"

#include <sys/utsname.h>
#include <unistd.h>

#include <fstream>

#include "kernels/cpu/blas.h"
#include "kernels/cpu/tuned_kernels.h"
#include "kernels/live/rank_main.h"

namespace stepcast {
namespace {

utsname system_names() {
  utsname names{};
  uname(&names);
  return names;
}

}  // namespace

std::string machine_name() {
  std::ifstream in("/proc/cpuinfo");
  for (std::string line; std::getline(in, line);) {
    const std::size_t colon = line.find(": ");
    if (line.starts_with("model name") && colon != std::string::npos) return line.substr(colon + 2);
  }
  return system_names().machine;
}

std::vector<std::pair<std::string, std::string>> machine_facts() {
  const utsname names = system_names();
  std::vector<std::pair<std::string, std::string>> facts = {
      {"machine", machine_name()},
      {"cores", std::to_string(sysconf(_SC_NPROCESSORS_ONLN))},
      {"system", std::string(names.sysname) + " " + names.release},
      {"blas", cpu::blas_version()}};
  if (const cpu::TunedKernels* tuned = cpu::tuned_kernels())
    facts.emplace_back("convolutions_and_bf16_products", tuned->name);
  return facts;
}

void prepare_cpu() {
  flush_subnormals();
  pin_to_core_of(0);
}

}  // namespace stepcast
