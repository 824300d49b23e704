// tools/import_kineto.py: a PyTorch profiler trace becomes measured points that `profile --anchors`
// takes.
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <string>

#include "sim/base/json_document.h"
#include "tests/support/run_program.h"

namespace stepcast {
namespace {
namespace fs = std::filesystem;

class ImportKineto : public testing::Test {
 protected:
  void SetUp() override {
    if (run_program({"/usr/bin/env", "python3", "--version"}).exit_code != 0)
      GTEST_SKIP() << "no python3 here";
    folder_ = fs::temp_directory_path() / ("stepcast-kineto-" + std::to_string(::getpid()));
    fs::create_directory(folder_);
  }
  void TearDown() override {
    if (!folder_.empty()) fs::remove_all(folder_);
  }

  std::string path(const std::string& name) const { return (folder_ / name).string(); }
  ProgramRun import(const std::string& trace) const {
    std::ofstream(path("trace.json")) << trace;
    return run_program({"/usr/bin/env", "python3",
                        std::string(STEPCAST_SOURCE_DIR) + "/tools/import_kineto.py",
                        path("trace.json"), "-o", path("points.json")});
  }

 private:
  fs::path folder_;
};

std::string op(int id, const std::string& name, double at, const std::string& dims) {
  return R"({"ph": "X", "cat": "cpu_op", "name": ")" + name + R"(", "tid": 7, "ts": )" +
         std::to_string(at) + R"(, "dur": 5, "args": {"External id": )" + std::to_string(id) +
         R"(, "Input Dims": )" + dims + R"(, "Input type": ["c10::BFloat16"]}})";
}
std::string gpu(int id, double us) {
  return R"({"ph": "X", "cat": "kernel", "name": "gemm", "ts": 1, "dur": )" + std::to_string(us) +
         R"(, "args": {"External id": )" + std::to_string(id) + "}}";
}
std::string trace_of(const std::vector<std::string>& events) {
  std::string text = R"({"schemaVersion": 1, "traceEvents": [)";
  for (const std::string& event : events) text += (text.back() == '[' ? "\n" : ",\n") + event;
  return text + "\n]}";
}

// Three launches of one product in 10, 12 and 30 us (the last in two kernels): 12 in the middle.
// One product below an autograd function; one without GPU time.
TEST_F(ImportKineto, ProductsBecomePointsByShape) {
  const std::string dims = "[[64, 32], [32, 128]]";
  const ProgramRun ran = import(trace_of(
      {op(1, "aten::mm", 10, dims), op(2, "aten::mm", 20, dims), op(3, "aten::mm", 30, dims),
       gpu(1, 10), gpu(2, 12), gpu(3, 25), gpu(3, 5),
       R"({"ph": "X", "cat": "cpu_op", "name": "autograd::engine::evaluate_function: MmBackward0",
           "tid": 7, "ts": 90, "dur": 20})",
       op(4, "aten::mm", 100, dims), gpu(4, 8), op(5, "aten::mm", 200, dims)}));
  ASSERT_EQ(ran.exit_code, 0) << ran.err;
  EXPECT_NE(ran.err.find("no GPU time: 1"), std::string::npos) << ran.err;
  const auto points = read_json_file(path("points.json")).root().elements();
  ASSERT_EQ(points.size(), 2u);
  EXPECT_EQ(points[0].member("kernel")->as_string(), "gemm_dgrad");
  EXPECT_EQ(points[1].member("kernel")->as_string(), "gemm_forward");
  EXPECT_EQ(points[1].member("time")->as_string(), "12 us");
  EXPECT_EQ(points[1].member("dims")->elements()[1].as_integer(), 128);
}

TEST_F(ImportKineto, WhatItWritesIsTakenAsAnchors) {
  ASSERT_EQ(import(trace_of({op(1, "aten::mm", 10, "[[4096, 4096], [4096, 4096]]"), gpu(1, 190)}))
                .exit_code,
            0);
  const ProgramRun ran =
      run_program({STEPCAST_BINARY, "profile", "--transfer-from", "h200", "--to", "B200-SXM-180GB",
                   "--anchors", path("points.json"), "-o", path("b200.json")});
  EXPECT_EQ(ran.exit_code, 0) << ran.err;
}

TEST_F(ImportKineto, TheFirstOfSeveralStepsWarmsUp) {
  const std::string dims = "[[64, 32], [32, 128]]";
  const std::string step = R"({"ph": "X", "cat": "user_annotation", "name": "ProfilerStep#)";
  const ProgramRun ran = import(
      trace_of({step + R"(0", "ts": 0, "dur": 50})", step + R"(1", "ts": 50, "dur": 50})",
                op(1, "aten::mm", 10, dims), op(2, "aten::mm", 60, dims), gpu(1, 99), gpu(2, 11)}));
  ASSERT_EQ(ran.exit_code, 0) << ran.err;
  const auto points = read_json_file(path("points.json")).root().elements();
  ASSERT_EQ(points.size(), 1u);
  EXPECT_EQ(points[0].member("time")->as_string(), "11 us");
}

TEST_F(ImportKineto, BrokenTracesAreSaid) {
  EXPECT_NE(import("{}").err.find("traceEvents"), std::string::npos);
  EXPECT_NE(import(R"({"traceEvents": [{"ph": "X")").err.find("ends in the middle"),
            std::string::npos);
  EXPECT_NE(import(R"({"traceEvents": []})").err.find("record_shapes"), std::string::npos);
  EXPECT_FALSE(fs::exists(path("points.json")));
}

}  // namespace
}  // namespace stepcast
