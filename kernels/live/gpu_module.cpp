#include "kernels/live/gpu_module.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <filesystem>
#include <sstream>

#include "sim/base/error.h"

namespace stepcast {
namespace {

namespace fs = std::filesystem;

fs::path module_file() {
  if (const char* file = std::getenv("STEPCAST_CUDA_MODULE"); file && *file) return file;
  std::error_code ignored;
  return fs::read_symlink("/proc/self/exe", ignored).parent_path() / "libstepcast_cuda.so";
}

[[noreturn]] void unsupported(const std::string& why) { throw Error(ErrorKind::kUnsupported, why); }

// ---- what the child writes: "ok" and a line for each GPU, or why there is none ----

std::string gpus_as_text(const GpuModule& module) {
  try {
    std::string text = "ok\n";
    const std::vector<GpuName> gpus = module.gpus();
    for (std::size_t number = 0; number < gpus.size(); ++number) {
      const GpuRoom room = module.room(static_cast<int>(number));
      text += std::to_string(room.free.value()) + ' ' + std::to_string(room.total.value()) + ' ' +
              gpus[number].bus_id + ' ' + std::to_string(gpus[number].num_sms) + ' ' +
              gpus[number].name + '\n';
    }
    return text;
  } catch (const std::exception& error) {
    return error.what();
  }
}

std::vector<GpuState> gpus_of_text(const std::string& text) {
  std::istringstream lines(text);
  std::string line;
  if (!std::getline(lines, line) || line != "ok") unsupported("no GPU can be used: " + text);
  std::vector<GpuState> gpus;
  std::string bus_id;
  int num_sms = 0;
  for (std::int64_t free = 0, total = 0; lines >> free >> total >> bus_id >> num_sms;) {
    std::getline(lines >> std::ws, line);
    gpus.push_back({.name = {.name = line, .bus_id = bus_id, .num_sms = num_sms},
                    .room = {.free = Bytes(free), .total = Bytes(total)}});
  }
  return gpus;
}

[[noreturn]] void write_and_leave(int descriptor, const std::string& text) {
  for (std::size_t done = 0; done < text.size();) {
    const ssize_t count = ::write(descriptor, text.data() + done, text.size() - done);
    if (count <= 0) break;
    done += static_cast<std::size_t>(count);
  }
  // Nothing of the parent's is to be flushed or destroyed.
  ::_exit(0);
}

std::string read_all(int descriptor) {
  std::string text;
  std::array<char, 4096> block{};
  for (ssize_t count = 0; (count = ::read(descriptor, block.data(), block.size())) > 0;)
    text.append(block.data(), static_cast<std::size_t>(count));
  return text;
}

}  // namespace

void* gpu_module_entry(const char* name) {
  const fs::path file = module_file();
  std::error_code ignored;
  if (!fs::exists(file, ignored))
    unsupported("this build has no part for GPUs (" + file.string() +
                "): build it where CMake finds CUDA, with -DSTEPCAST_CUDA=ON");
  void* const library = ::dlopen(file.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr)
    unsupported("the part for GPUs can't be loaded: " + std::string(::dlerror()) +
                "; put the libraries that it names on LD_LIBRARY_PATH");
  void* const entry = ::dlsym(library, name);
  if (entry == nullptr)
    unsupported(file.string() + " is not the part for GPUs of this build: it has no " + name);
  return entry;
}

const GpuModule& load_gpu_module() {
  return *reinterpret_cast<GpuModuleEntry>(gpu_module_entry(kGpuModuleEntry))();
}

std::vector<GpuState> find_gpus(const GpuModule& module) {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) unsupported("no pipe to a process that asks for GPUs");
  const pid_t child = ::fork();
  if (child < 0) unsupported("no process to ask for GPUs");
  if (child == 0) write_and_leave(ends[1], gpus_as_text(module));
  ::close(ends[1]);
  const std::string text = read_all(ends[0]);
  ::close(ends[0]);
  int status = 0;
  ::waitpid(child, &status, 0);
  if (WIFSIGNALED(status))
    unsupported("the driver of the GPUs ended the process that asked for them with signal " +
                std::to_string(WTERMSIG(status)));
  return gpus_of_text(text);
}

}  // namespace stepcast
