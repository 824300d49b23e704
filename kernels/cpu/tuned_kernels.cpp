#include "kernels/cpu/tuned_kernels.h"

#include <dlfcn.h>

#include <cstdlib>
#include <filesystem>
#include <string>

#include "sim/base/error.h"

namespace stepcast::cpu {
namespace {

namespace fs = std::filesystem;

thread_local bool allowed_here = true;

/// Beside the program; tests lie a folder below it. Empty: there is none.
fs::path module_file() {
  if (const char* file = std::getenv("STEPCAST_ONEDNN_MODULE")) return file;
  std::error_code ignored;
  const fs::path folder = fs::read_symlink("/proc/self/exe", ignored).parent_path();
  for (const fs::path& place : {folder, folder.parent_path()})
    if (fs::exists(place / "libstepcast_onednn.so", ignored))
      return place / "libstepcast_onednn.so";
  return {};
}

const TunedKernels* load() {
  const fs::path file = module_file();
  if (file.empty()) return nullptr;
  void* const module = ::dlopen(file.c_str(), RTLD_NOW | RTLD_LOCAL);
  const void* const entry = module ? ::dlsym(module, kTunedKernelsEntry) : nullptr;
  if (entry == nullptr)
    throw Error(ErrorKind::kUnsupported,
                file.string() + ": can't be loaded: " + ::dlerror() +
                    "; build it again, or set STEPCAST_ONEDNN_MODULE= to do without oneDNN");
  return static_cast<const TunedKernels*>(entry);
}

}  // namespace

const TunedKernels* tuned_kernels() {
  if (!allowed_here) return nullptr;
  static const TunedKernels* const kKernels = load();
  return kKernels;
}

void allow_tuned_kernels(bool allowed) { allowed_here = allowed; }

}  // namespace stepcast::cpu
