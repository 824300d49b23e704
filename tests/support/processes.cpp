#include "tests/support/processes.h"

#include <gtest/gtest.h>

#include <charconv>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <thread>

namespace stepcast {
namespace {

namespace fs = std::filesystem;

constexpr std::chrono::milliseconds kPause{10};
constexpr std::chrono::seconds kPatience{60};

/// What a process that ends meanwhile says of itself is cut short.
std::string text_of(const fs::path& file) {
  std::stringstream text;
  text << std::ifstream(file, std::ios::binary).rdbuf();
  return text.str();
}

/// Of the process whose folder it is; one that has ended and is not reaped is none.
SeenProcess seen(const fs::path& folder) {
  SeenProcess process;
  std::istringstream lines(text_of(folder / "status"));
  for (std::string line; std::getline(lines, line);) {
    std::istringstream words(line);
    std::string key, value;
    words >> key >> value;
    if (key == "Name:") process.name = line.substr(line.find('\t') + 1);
    if (key == "State:" && value == "Z") return {};
    if (key == "PPid:") {
      process.id = std::stoi(folder.filename());
      process.parent = std::stoi(value);
    }
  }
  return process;
}

}  // namespace

std::int64_t SeenProcess::step() const {
  std::int64_t number = -1;
  const std::size_t at = name.find(" step ");
  if (name.starts_with('r') && at != std::string::npos)
    std::from_chars(name.data() + at + 6, name.data() + name.size(), number);
  return number;
}

std::vector<SeenProcess> processes_with(const std::string& argument) {
  std::vector<SeenProcess> found;
  for (const auto& entry : fs::directory_iterator("/proc")) {
    if (text_of(entry.path() / "cmdline").find(argument) == std::string::npos) continue;
    if (SeenProcess process = seen(entry.path()); process.id > 0)
      found.push_back(std::move(process));
  }
  return found;
}

void when_seen(const std::string& argument, const std::function<bool(const SeenProcess&)>& ready,
               const std::function<bool()>& over,
               const std::function<void(const SeenProcess&)>& act) {
  for (; !over(); std::this_thread::sleep_for(kPause))
    for (const SeenProcess& process : processes_with(argument))
      if (ready(process)) return act(process);
}

void expect_none_left(const std::string& argument) {
  const auto end = std::chrono::steady_clock::now() + kPatience;
  while (!processes_with(argument).empty() && std::chrono::steady_clock::now() < end)
    std::this_thread::sleep_for(kPause);
  for (const SeenProcess& process : processes_with(argument))
    ADD_FAILURE() << "process " << process.id << " (" << process.name << ") is left";
}

}  // namespace stepcast
