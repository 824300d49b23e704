// The house plan: which room may include which. The picture here, the stepcast_room lines of
// CMakeLists.txt and the #include lines of the code say the same.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <map>
#include <regex>
#include <set>
#include <sstream>
#include <string>

namespace {
namespace fs = std::filesystem;

using Rooms = std::map<std::string, std::set<std::string>>;

const Rooms kMayInclude = {
    {"base", {}},
    {"compute", {"base"}},
    {"collective", {"base"}},
    {"topology", {"base"}},
    {"drawing", {"base", "topology"}},
    {"exchange", {"base", "topology"}},
    {"model", {"base", "compute"}},
    {"plan", {"base", "model", "topology"}},
    {"program", {"base", "compute", "collective"}},
    {"lowering", {"base", "compute", "collective", "model", "plan", "program"}},
    {"memory", {"base", "program"}},
    {"cost", {"base", "compute", "collective", "topology"}},
    {"trace", {"base", "compute", "collective", "program"}},
    {"engine", {"base", "compute", "collective", "topology", "program", "cost", "trace"}},
    {"scenario", {"base", "model", "topology", "plan", "lowering", "cost"}},
    {"report",
     {"base", "compute", "topology", "model", "plan", "cost", "program", "memory", "trace",
      "engine", "scenario"}},
};

/// Rooms included by a file, front door excepted. Rooms of sim/ and kernels/ have different names.
std::set<std::string> rooms_included(const fs::path& file) {
  static const std::regex kInclude("^#include \"(?:sim|kernels)/([a-z_]+)/");
  std::set<std::string> rooms;
  std::ifstream in(file);
  for (std::string line; std::getline(in, line);) {
    std::smatch match;
    if (std::regex_search(line, match, kInclude)) rooms.insert(match[1]);
  }
  return rooms;
}

bool includes(const fs::path& file, const std::string& what) {
  std::ifstream in(file);
  for (std::string line; std::getline(in, line);)
    if (line.starts_with("#include") && line.find(what) != std::string::npos) return true;
  return false;
}

template <typename Visit>
void for_each_source(const fs::path& root, Visit visit) {
  for (const auto& entry : fs::recursive_directory_iterator(root))
    if (const fs::path kind = entry.path().extension();
        kind == ".h" || kind == ".cpp" || kind == ".cu")
      visit(entry.path());
}

const fs::path kSim = fs::path(STEPCAST_SOURCE_DIR) / "sim";
const fs::path kKernels = fs::path(STEPCAST_SOURCE_DIR) / "kernels";

TEST(House, EveryRoomIncludesOnlyWhatItMay) {
  for (const auto& [room, allowed] : kMayInclude) {
    ASSERT_TRUE(fs::is_directory(kSim / room)) << room;
    for_each_source(kSim / room, [&, &name = room, &may = allowed](const fs::path& file) {
      for (const std::string& included : rooms_included(file))
        EXPECT_TRUE(included == name || may.contains(included))
            << file << " includes sim/" << included << ", which the picture does not allow";
    });
  }
}

TEST(House, EveryRoomIsInThePicture) {
  for (const auto& entry : fs::directory_iterator(kSim)) {
    if (!entry.is_directory()) continue;
    const std::string room = entry.path().filename();
    EXPECT_TRUE(room == "ledger" || kMayInclude.contains(room))
        << "sim/" << room << " is in no picture";
  }
}

TEST(House, ThePictureHasNoCycle) {
  std::map<std::string, int> depth;
  const auto visit = [&](const auto& self, const std::string& room, int level) -> void {
    ASSERT_LT(level, 20) << "cycle through " << room;
    depth[room] = std::max(depth[room], level);
    for (const std::string& below : kMayInclude.at(room)) self(self, below, level + 1);
  };
  visit(visit, "report", 0);
  EXPECT_GT(depth["base"], 0);
}

/// Rooms that the stepcast_room lines of CMakeLists.txt give to each room, directly or through
/// others.
Rooms rooms_linked() {
  static const std::regex kRoom("^stepcast_room\\(([a-z_]+) ?([a-z_ ]*)");
  Rooms linked;
  std::ifstream in(fs::path(STEPCAST_SOURCE_DIR) / "CMakeLists.txt");
  for (std::string line; std::getline(in, line);) {
    std::smatch match;
    if (!std::regex_search(line, match, kRoom)) continue;
    std::set<std::string>& below = linked[match[1]];
    std::istringstream names(match[2]);
    for (std::string name; names >> name;) {
      below.insert(name);
      below.insert(linked[name].begin(), linked[name].end());  // rooms stand below those they link
    }
  }
  return linked;
}

TEST(House, ThePictureIsThatOfTheBuild) {
  const Rooms linked = rooms_linked();
  for (const auto& [room, allowed] : kMayInclude)
    for (const std::string& below : allowed)
      EXPECT_TRUE(linked.at(room).contains(below))
          << room << " may include " << below << " but does not link it";
}

TEST(House, OnlyTheEngineKnowsSimGridAndOnlyBaseKnowsTheJsonLibrary) {
  for_each_source(kSim, [](const fs::path& file) {
    const std::string room = *std::next(fs::relative(file, kSim).begin(), 0);
    EXPECT_TRUE(room == "engine" || !includes(file, "simgrid")) << file;
    EXPECT_TRUE(room == "base" || !includes(file, "nlohmann")) << file;
    for (const char* library : {"cuda", "cblas", "kernels/"})
      EXPECT_FALSE(includes(file, library)) << file << ": " << library << " is above sim/";
  });
}

/// Rooms linked by each kernel room, directly or through others: the ROOMS of its line in
/// kernels/CMakeLists.txt, which stand below it, and what those link.
Rooms rooms_linked_by_kernels() {
  static const std::regex kRoom("^ *stepcast_kernel_room\\(([a-z_]+).* ROOMS ([a-z_ ]*)");
  Rooms linked = rooms_linked();
  for (const auto& [room, below] : kMayInclude) linked["front"].insert(room);
  linked["ledger"].insert(linked["front"].begin(), linked["front"].end());
  std::ifstream in(kKernels / "CMakeLists.txt");
  for (std::string line; std::getline(in, line);) {
    std::smatch match;
    if (!std::regex_search(line, match, kRoom)) continue;
    std::set<std::string>& below = linked[match[1]];
    std::istringstream names(match[2]);
    for (std::string name; names >> name;) {
      name.erase(0, std::string("stepcast_").size());
      below.insert(name);
      below.insert(linked[name].begin(), linked[name].end());
    }
  }
  return linked;
}

TEST(House, KernelRoomsIncludeOnlyWhatTheyLink) {
  const Rooms linked = rooms_linked_by_kernels();
  for_each_source(kKernels, [&](const fs::path& file) {
    const std::string room = *std::next(fs::relative(file, kKernels).begin(), 0);
    ASSERT_TRUE(linked.contains(room)) << "kernels/" << room << " is no target";
    for (const std::string& included : rooms_included(file))
      EXPECT_TRUE(included == room || linked.at(room).contains(included))
          << file << " includes " << included << ", which " << room << " does not link";
  });
}

TEST(House, OnlyRoomsForGpusKnowCuda) {
  const std::set<std::string> for_gpus = {"cuda", "ops", "device", "cuda_profiler"};
  for_each_source(kKernels, [&](const fs::path& file) {
    const std::string room = *std::next(fs::relative(file, kKernels).begin(), 0);
    for (const char* library : {"<cuda", "<cublas", "<cudnn", "<nccl", "<mma"})
      EXPECT_TRUE(for_gpus.contains(room) || !includes(file, library)) << file << ": " << library;
  });
}

TEST(House, OnlyItsRoomKnowsOneDnnAndOpenMp) {
  for_each_source(kKernels, [&](const fs::path& file) {
    const std::string room = *std::next(fs::relative(file, kKernels).begin(), 0);
    for (const char* library : {"<oneapi", "<omp"})
      EXPECT_TRUE(room == "onednn" || !includes(file, library)) << file << ": " << library;
  });
}

TEST(House, TheTopLevelHoldsNothingElse) {
  const std::set<std::string> agreed = {"CMakeLists.txt", "sim",        "kernels",
                                        "models",         "topologies", "scenarios",
                                        "tests",          "tools",      "README.md"};
  for (const auto& entry : fs::directory_iterator(STEPCAST_SOURCE_DIR)) {
    const std::string name = entry.path().filename();
    const bool built = name.starts_with("build");
    EXPECT_TRUE(name.starts_with(".") || built || agreed.contains(name)) << name;
  }
}

}  // namespace
