// tools/import_kineto.py: a PyTorch profiler trace becomes measured points that `profile --anchors`
// takes.
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <iterator>
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

// A profile of one step has its annotation on the CPU and again on the GPU: it is no warm-up.
TEST_F(ImportKineto, ASingleStepIsKeptThoughItIsAnnotatedTwice) {
  const std::string step = R"({"ph": "X", "name": "ProfilerStep#3", "ts": 0, "dur": 50, "cat": ")";
  const ProgramRun ran =
      import(trace_of({step + R"(user_annotation"})", step + R"(gpu_user_annotation"})",
                       op(1, "aten::mm", 10, "[[64, 32], [32, 128]]"), gpu(1, 9)}));
  EXPECT_EQ(ran.exit_code, 0) << ran.err;
}

TEST_F(ImportKineto, OperatorsBecomeTheKernelsThatTheyAre) {
  const std::string attention = "[[2, 8, 512, 64], [2, 4, 512, 64], [2, 4, 512, 64]]";
  const auto flagged = [](std::string event, const std::string& concrete) {
    event.insert(event.rfind("}}"), R"(, "Concrete Inputs": )" + concrete);
    return event;
  };
  const ProgramRun ran = import(trace_of(
      {op(1, "aten::addmm", 1, "[[128], [64, 32], [32, 128]]"), gpu(1, 1),
       op(2, "aten::bmm", 2, "[[16, 64, 32], [16, 32, 64]]"), gpu(2, 2),
       flagged(op(3, "aten::_scaled_dot_product_flash_attention", 3, attention),
               R"(["", "", "", "0.", "True"])"),
       gpu(3, 3),
       flagged(op(4, "aten::_scaled_dot_product_flash_attention_backward", 4,
                  "[[2, 8, 512, 64], " + attention.substr(1)),
               R"(["", "", "", "", "", "", "", "", "", "", "", "False"])"),
       gpu(4, 4), op(5, "aten::native_layer_norm", 5, "[[4, 512, 1024], [], [1024]]"), gpu(5, 5),
       op(6, "aten::_scaled_dot_product_flash_attention", 6, attention), gpu(6, 6)}));
  ASSERT_EQ(ran.exit_code, 0) << ran.err;
  std::string text;
  for (const JsonValue& point : read_json_file(path("points.json")).root().elements()) {
    text += *point.member("kernel")->as_string() + (point.member("causal") ? " causal" : "");
    for (const JsonValue& dim : point.member("dims")->elements())
      text += " " + std::to_string(*dim.as_integer());
    text += "\n";
  }
  EXPECT_EQ(text,
            "batched_gemm_forward 64 64 32 16\n"
            "flash_attention_backward 2 8 4 512 512 64\n"
            "flash_attention_forward causal 2 8 4 512 512 64\n"
            "gemm_forward 64 128 32\n"
            "layer_norm_forward 2048 1024\n");
  EXPECT_NE(ran.err.find("attention without its causal flag: 1"), std::string::npos) << ran.err;
}

/// An event with the numbers and flags among its inputs; "" stands for a tensor.
std::string with_concrete(std::string event, const std::string& concrete) {
  return event.insert(event.rfind("}}"), R"(, "Concrete Inputs": )" + concrete);
}
std::string kernel_named(int id, double us, const std::string& name) {
  std::string event = gpu(id, us);
  return event.replace(event.find("\"gemm\""), 6, '"' + name + '"');
}
/// A convolution with images and windows that are not square.
std::string convolution(int id, const std::string& stride, const std::string& groups) {
  return with_concrete(
      op(id, "aten::cudnn_convolution", id, "[[8, 64, 56, 48], [128, 64, 3, 1], [], [], []]"),
      R"(["", "", "[1, 1]", ")" + stride + R"(", "[1, 1]", ")" + groups +
          R"(", "False", "False", "True"])");
}
/// Those of its gradients that the mask says: of input, weight, bias.
std::string gradients(int id, const std::string& mask) {
  return with_concrete(
      op(id, "aten::convolution_backward", id,
         "[[8, 128, 28, 25], [8, 64, 56, 48], [128, 64, 3, 1], [], [], [], []]"),
      R"(["", "", "", "", "[2, 2]", "[1, 1]", "[1, 1]", "False", "[0, 0]", "1", ")" + mask +
          R"("])");
}

// Both gradients of one operator are told apart by what cuDNN calls its kernels, which may be
// several for each.
TEST_F(ImportKineto, ConvolutionsBecomeWhatTheyAreInPasses) {
  const ProgramRun ran = import(
      trace_of({convolution(1, "[2, 2]", "1"), kernel_named(1, 10, "sm80_xmma_fprop_implicit_gemm"),
                kernel_named(1, 2, "nchwToNhwcKernel"), gradients(2, "[True, True, False]"),
                kernel_named(2, 21, "sm80_xmma_dgrad_implicit_gemm"),
                kernel_named(2, 30, "cutlass_tensorop_s1688wgrad_optimized"),
                kernel_named(2, 3, "cudnn::wgrad_reduce"), gradients(3, "[False, True, False]"),
                kernel_named(3, 35, "any kernel: it can only be of the weight")}));
  ASSERT_EQ(ran.exit_code, 0) << ran.err;
  std::string text;
  for (const JsonValue& point : read_json_file(path("points.json")).root().elements()) {
    text += *point.member("kernel")->as_string();
    for (const JsonValue& dim : point.member("dims")->elements())
      text += " " + std::to_string(*dim.as_integer());
    text += ": " + *point.member("time")->as_string() + "\n";
  }
  EXPECT_EQ(text,
            "convolution_dgrad 8 64 56 48 128 3 1 2 1: 21 us\n"
            "convolution_forward 8 64 56 48 128 3 1 2 1: 12 us\n"
            "convolution_wgrad 8 64 56 48 128 3 1 2 1: 34 us\n");
}

TEST_F(ImportKineto, ConvolutionsThatAreNoneOfTheCataloguesAreCountedAndLeftOut) {
  const std::string dims = "[[8, 64, 56, 56], [128, 64, 3, 3]]";
  const ProgramRun ran = import(
      trace_of({op(1, "aten::mm", 10, "[[64, 32], [32, 128]]"), gpu(1, 10),
                convolution(2, "[2, 2]", "4"), gpu(2, 1), convolution(3, "[1, 2]", "1"), gpu(3, 1),
                op(4, "aten::cudnn_convolution", 4, dims), gpu(4, 1),
                gradients(5, "[True, True, False]"), kernel_named(5, 9, "sm80_xmma_dgrad"),
                kernel_named(5, 9, "winograd"), gradients(6, "[False, False, True]"), gpu(6, 1)}));
  ASSERT_EQ(ran.exit_code, 0) << ran.err;
  EXPECT_EQ(read_json_file(path("points.json")).root().elements().size(), 1u);
  for (const char* why :
       {"left out, convolution in groups, dilated, transposed, or not of images: 1",
        "left out, convolution with two strides or paddings: 1",
        "left out, convolution without its stride and padding: 1",
        "left out, both gradients of a convolution in kernels that do not say which: 1",
        "left out, convolution without a gradient of input or weight: 1"})
    EXPECT_NE(ran.err.find(why), std::string::npos) << why << "\n" << ran.err;
}

// As points of a profile they are read by the rules of the catalogue.
TEST_F(ImportKineto, ConvolutionsAreTakenAsAnchors) {
  std::string fp32 = convolution(1, "[2, 2]", "1");
  fp32.replace(fp32.find("c10::BFloat16"), 13, "float");
  ASSERT_EQ(import(trace_of({fp32, gpu(1, 100)})).exit_code, 0);
  const ProgramRun ran =
      run_program({STEPCAST_BINARY, "profile", "--transfer-from", "a100-80g", "--to",
                   "H100-SXM-80GB", "--anchors", path("points.json"), "-o", path("h100.json")});
  EXPECT_EQ(ran.exit_code, 0) << ran.err;
}

TEST_F(ImportKineto, ProductsOfFp32OnTensorCoresAreTf32) {
  std::string product = op(1, "aten::mm", 10, "[[64, 32], [32, 128]]");
  product.replace(product.find("c10::BFloat16"), 13, "float");
  std::string kernel = gpu(1, 9);
  kernel.replace(kernel.find("\"gemm\""), 6, "\"cutlass_80_tensorop_s1688gemm_128x128\"");
  ASSERT_EQ(import(trace_of({product, kernel})).exit_code, 0);
  EXPECT_EQ(read_json_file(path("points.json")).root().elements()[0].member("dtype")->as_string(),
            "tf32");
}

// Kernels of a CUDA graph, and operators in old traces, have no "External id": they are not each
// other's.
TEST_F(ImportKineto, WhatHasNoIdIsNobodys) {
  const auto without_id = [](std::string event) {
    const std::size_t begin = event.find("\"External id\"");
    return event.replace(begin, event.find_first_of(",}", begin) - begin, "\"x\": 1");
  };
  const ProgramRun ran = import(trace_of(
      {without_id(op(1, "aten::mm", 10, "[[64, 32], [32, 128]]")), without_id(gpu(1, 9))}));
  EXPECT_EQ(ran.exit_code, 3);
  EXPECT_NE(ran.err.find("no operator with shapes and GPU time"), std::string::npos) << ran.err;
}

// 60 MB of trace in 150 MB of address space: the interpreter alone takes some 30 of them, and the
// trace as one document would take over 300.
TEST_F(ImportKineto, ALargeTraceIsReadPieceByPiece) {
  const std::string noise = R"({"ph": "X", "cat": "python_function", "name": ")" +
                            std::string(960, 'n') + R"(", "ts": 1, "dur": 1, "args": {}},)" + "\n";
  {
    std::ofstream trace(path("large.json"));
    trace << R"({"traceEvents": [)"
          << "\n";
    for (int i = 1; i <= 60'000; ++i) {
      trace << noise;
      if (i % 100 == 0)
        trace << op(i, "aten::mm", i, "[[64, 32], [32, 128]]") << ",\n" << gpu(i, 7) << ",\n";
    }
    trace << R"({"ph": "M"}]})";
  }
  const ProgramRun ran =
      run_program({"/bin/sh", "-c",
                   "ulimit -v 150000; exec python3 \"" + std::string(STEPCAST_SOURCE_DIR) +
                       "/tools/import_kineto.py\" \"" + path("large.json") + "\" -o \"" +
                       path("points.json") + "\""});
  EXPECT_EQ(ran.exit_code, 0) << ran.err;
  EXPECT_NE(ran.err.find("1 kernels from 600 launches"), std::string::npos) << ran.err;
}

TEST_F(ImportKineto, BrokenTracesAreSaidAndLeaveWhatWasThere) {
  std::ofstream(path("points.json")) << "before";
  const auto expect_refused = [&](const std::string& trace, const std::string& words) {
    const ProgramRun ran = import(trace);
    EXPECT_EQ(ran.exit_code, 3) << trace;
    EXPECT_NE(ran.err.find("trace.json: "), std::string::npos) << ran.err;
    EXPECT_NE(ran.err.find(words), std::string::npos) << ran.err;
    EXPECT_EQ(ran.err.find("Traceback"), std::string::npos) << ran.err;
  };
  expect_refused("{}", "traceEvents");
  expect_refused(R"({"traceEvents": 5})", "traceEvents");
  expect_refused(R"({"traceEvents": [{"ph": "X")", "ends in the middle");
  expect_refused(R"({"traceEvents": [{"ph" "X"}]})", "no JSON at character 18");
  expect_refused(R"({"traceEvents": []})", "record_shapes");
  expect_refused(R"({"traceEvents": [{"ph": "X", "cat": "kernel", "args": {"External id": 1}}]})",
                 "event \"None\" without what every event has");
  expect_refused(R"({"traceEvents": [)" + std::string(5000, '[') + "]}", "nested too deeply");
  // Shapes that no operator has are no shapes.
  expect_refused(trace_of({op(1, "aten::mm", 1, R"([5, "x"])"), gpu(1, 1)}), "no operator");
  expect_refused(trace_of({op(1, "aten::addmm", 1, "[[8]]"), gpu(1, 1)}), "no operator");
  std::ifstream left(path("points.json"));
  EXPECT_EQ((std::string{std::istreambuf_iterator<char>(left), {}}), "before");
  EXPECT_EQ(run_program({"/usr/bin/env", "python3",
                         std::string(STEPCAST_SOURCE_DIR) + "/tools/import_kineto.py",
                         path("nowhere.json"), "-o", path("points.json")})
                .exit_code,
            5);
}

}  // namespace
}  // namespace stepcast
