#include "kernels/gpu_profiler/gpu_matching.h"

#include <cmath>
#include <cstdlib>
#include <string>
#include <string_view>

#include "sim/base/error.h"

namespace stepcast {
namespace {

/// Drivers keep some of the memory for themselves, and round otherwise than datasheets.
constexpr double kMemoryWithin = 0.08;

/// Letters and digits of the name up to the first "-" or " ": "H100-SXM-80GB" -> "H100".
std::string_view chip_of(std::string_view device) { return device.substr(0, device.find('-')); }

bool has_word(std::string_view text, std::string_view word) {
  for (std::size_t begin = 0; begin < text.size();) {
    const std::size_t end = std::min(text.find_first_of(" -", begin), text.size());
    if (text.substr(begin, end - begin) == word) return true;
    begin = end + 1;
  }
  return false;
}

/// Drivers name the form of a card where it has two: "A100 80GB PCIe", "V100-PCIE-16GB"; a module
/// may say SXM or nothing.
bool says_pcie(std::string name) {
  for (char& c : name)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c | 0x20);
  return name.find("pcie") != std::string::npos;
}

double memory_difference(const GpuFacts& gpu, const Device& device) {
  const auto here = static_cast<double>(gpu.memory_bytes);
  return std::abs(here / static_cast<double>(device.memory_capacity.value()) - 1);
}

}  // namespace

bool has_chip_of(const std::string& gpu, const Device& device) {
  return has_word(gpu, chip_of(device.name));
}

bool may_be(const GpuFacts& gpu, const Device& device) {
  return has_chip_of(gpu.name, device) && gpu.num_sms == device.num_sms &&
         says_pcie(gpu.name) == says_pcie(device.name);
}

const Device& match_gpu(const GpuFacts& gpu, const std::vector<Device>& devices) {
  const Device* best = nullptr;
  for (const Device& device : devices)
    if (may_be(gpu, device) &&
        (best == nullptr || memory_difference(gpu, device) < memory_difference(gpu, *best)))
      best = &device;
  if (best != nullptr && memory_difference(gpu, *best) <= kMemoryWithin) return *best;
  throw Error(ErrorKind::kUnsupported,
              "\"" + gpu.name + "\" with " + std::to_string(gpu.num_sms) + " SMs and " +
                  std::to_string(gpu.memory_bytes >> 20) +
                  " MiB is no shipped device: write its datasheet into a file as in "
                  "topologies/devices/, and name that with --as");
}

}  // namespace stepcast
