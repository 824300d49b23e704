#include "sim/ledger/kernel_rows.h"

#include <array>
#include <charconv>
#include <optional>
#include <utility>

#include "sim/compute/dims.h"

namespace stepcast {
namespace {

using enum KernelKind;

std::optional<Dtype> dtype_of(const std::string& name) {
  for (const Dtype dtype : {Dtype::kFp32, Dtype::kTf32, Dtype::kFp16, Dtype::kBf16, Dtype::kFp8})
    if (name == name_of(dtype)) return dtype;
  return std::nullopt;
}

TimedKernels skip(std::string reason) { return {.kernels = {}, .skipped = std::move(reason)}; }

TimedKernels skip_dtype(const std::string& name) {
  return skip("element type " + name + " is not modelled");
}

/// An operator of the tables and the kernels that it is made of. kFlat operators take the number of
/// elements, the others rows and columns.
enum class Shape : std::uint8_t { kFlat, kRows };
struct Operator {
  std::string_view name;
  Shape shape;
  KernelKind forward;
  KernelKind backward;
};
// A function of one input moves what GELU moves, whatever the function; an addition of two tensors
// what the residual moves.
constexpr std::array<Operator, 10> kOperators{{
    {"layernorm", Shape::kRows, kLayerNormForward, kLayerNormBackward},
    {"rmsnorm", Shape::kRows, kRmsNormForward, kRmsNormBackward},
    {"embedding", Shape::kRows, kEmbeddingForward, kEmbeddingBackward},
    {"gelu", Shape::kFlat, kGeluForward, kGeluBackward},
    {"relu", Shape::kFlat, kGeluForward, kGeluBackward},
    {"tanh", Shape::kFlat, kGeluForward, kGeluBackward},
    {"swiglu", Shape::kFlat, kSwigluForward, kSwigluBackward},
    {"rope", Shape::kFlat, kRotaryForward, kRotaryBackward},
    {"add", Shape::kFlat, kResidualDropoutForward, kResidualDropoutBackward},
    {"mul", Shape::kFlat, kResidualDropoutForward, kResidualDropoutBackward},
}};

struct Passes {
  std::string name;  ///< without the pass
  bool forward = false;
  bool backward = false;
};

Passes split_passes(const std::string& op) {
  if (op == "residual_add") return {.name = "add", .forward = true, .backward = false};
  const std::size_t at = op.rfind('_');
  if (at == std::string::npos) return {.name = op, .forward = true, .backward = false};
  const std::string pass = op.substr(at + 1);
  return {.name = op.substr(0, at),
          .forward = pass == "fwd" || pass == "fwd+bwd",
          .backward = pass == "bwd" || pass == "fwd+bwd"};
}

Kernel shaped(KernelKind kind, Dtype dtype, Shape shape, const std::vector<std::int64_t>& dims) {
  Kernel kernel{.kind = kind, .dtype = dtype, .causal = false, .dims = {}};
  if (shape == Shape::kRows) {
    kernel.dims[0] = dims[0];
    kernel.dims[1] = dims[1];
    return kernel;
  }
  kernel.dims[0] = 1;
  for (const std::int64_t dim : dims) kernel.dims[0] *= dim;
  return kernel;
}

}  // namespace

bool measured_as_in_training(const CsvCells& cells) {
  const std::string notes = cells.text("notes");
  return notes.find("long run") != std::string::npos || notes.find("_proj") != std::string::npos;
}

std::string attention_implementation(const CsvCells& cells) {
  const std::string notes = cells.text("notes"), impl = cells.text("impl");
  const bool deterministic = notes.find("deterministic") != std::string::npos;
  return deterministic ? impl + ", deterministic" : impl;
}

std::vector<std::int64_t> leading_shape(const std::string& text) {
  std::vector<std::int64_t> dims;
  const char* at = text.data();
  const char* end = at + text.size();
  for (;;) {
    std::int64_t dim = 0;
    const auto [stop, error] = std::from_chars(at, end, dim);
    if (error != std::errc() || dim <= 0) return dims;
    dims.push_back(dim);
    if (stop == end || *stop != 'x') return dims;
    at = stop + 1;
  }
}

TimedKernels gemm_kernels(const CsvCells& cells) {
  const std::optional<Dtype> dtype = dtype_of(cells.text("dtype"));
  if (!dtype) return skip_dtype(cells.text("dtype"));
  const auto m = cells.integer("m"), n = cells.integer("n"), k = cells.integer("k");
  const std::int64_t batch = cells.integer("batch").value_or(1);
  if (m.value_or(0) < 1 || n.value_or(0) < 1 || k.value_or(0) < 1)
    return skip("m, n or k was not published");
  // The transposed layout of weight gradients has its own rate.
  const KernelKind kind = batch > 1                      ? kBatchedGemmForward
                          : cells.text("layout") == "NT" ? kGemmWgrad
                                                         : kGemmForward;
  return {
      .kernels = {{.kind = kind, .dtype = *dtype, .causal = false, .dims = {*m, *n, *k, batch}}},
      .skipped = {}};
}

TimedKernels attention_kernels(const CsvCells& cells) {
  const std::optional<Dtype> dtype = dtype_of(cells.text("dtype"));
  if (!dtype) return skip_dtype(cells.text("dtype"));
  if (cells.text("impl") == "unfused")
    return skip("unfused attention is several kernels, of which a training stack decides");
  const auto batch = cells.integer("batch"), heads = cells.integer("heads"),
             seq = cells.integer("seq"), head_dim = cells.integer("head_dim");
  if (!batch || !heads || !seq || !head_dim) return skip("the shape was not published in full");
  const std::int64_t kv_heads = cells.integer("kv_heads").value_or(*heads);
  const std::string pass = cells.text("pass");
  TimedKernels timed;
  for (const KernelKind kind : {kFlashAttentionForward, kFlashAttentionBackward}) {
    const std::string_view name = kind == kFlashAttentionForward ? "fwd" : "bwd";
    if (pass.find(name) == std::string::npos) continue;
    timed.kernels.push_back({.kind = kind,
                             .dtype = *dtype,
                             .causal = cells.flag("causal").value_or(false),
                             .dims = {*batch, *heads, kv_heads, *seq, *seq, *head_dim}});
  }
  if (timed.kernels.empty()) return skip("pass \"" + pass + "\" is neither fwd nor bwd");
  return timed;
}

TimedKernels convolutions(const CsvCells& cells) {
  // PyTorch's default: products of fp32 images are rounded to TF32 where the GPU can.
  const std::string type = cells.text("dtype");
  const std::optional<Dtype> dtype = dtype_of(type == "fp32/tf32" ? "tf32" : type);
  if (!dtype) return skip_dtype(type);
  ConvolutionDims shape;
  const std::array<std::pair<const char*, std::int64_t ConvolutionDims::*>, 8> fields{{
      {"batch", &ConvolutionDims::images},
      {"c_in", &ConvolutionDims::in_channels},
      {"h", &ConvolutionDims::height},
      {"w", &ConvolutionDims::width},
      {"c_out", &ConvolutionDims::out_channels},
      {"r", &ConvolutionDims::window_height},
      {"s", &ConvolutionDims::window_width},
      {"stride", &ConvolutionDims::stride},
  }};
  for (const auto& [column, field] : fields) {
    shape.*field = cells.integer(column).value_or(0);
    if (shape.*field < 1) return skip(std::string(column) + " was not published");
  }
  shape.padding = cells.integer("pad").value_or(0);
  if (shape.padding < 0 || shape.window_height > shape.height + 2 * shape.padding ||
      shape.window_width > shape.width + 2 * shape.padding)
    return skip("the window does not fit into the image");
  const std::string pass = cells.text("pass");
  TimedKernels timed;
  for (const auto& [name, kind] :
       {std::pair("fwd", kConvolutionForward), std::pair("dgrad", kConvolutionDgrad),
        std::pair("wgrad", kConvolutionWgrad)})
    if (pass.find(name) != std::string::npos)
      timed.kernels.push_back({.kind = kind, .dtype = *dtype, .dims = to_dims(shape)});
  if (timed.kernels.empty())
    return skip("pass \"" + pass + "\" is neither fwd nor dgrad nor wgrad");
  return timed;
}

TimedKernels memory_kernels(const CsvCells& cells) {
  const std::optional<Dtype> dtype = dtype_of(cells.text("dtype"));
  if (!dtype) return skip_dtype(cells.text("dtype"));
  const std::string op = cells.text("op");
  const Passes passes = split_passes(op);
  const std::vector<std::int64_t> dims = leading_shape(cells.text("elements_shape"));
  for (const Operator& row : kOperators) {
    if (row.name != passes.name) continue;
    if (dims.size() < (row.shape == Shape::kRows ? 2u : 1u)) return skip("the shape can't be read");
    TimedKernels timed;
    if (passes.forward) timed.kernels.push_back(shaped(row.forward, *dtype, row.shape, dims));
    if (passes.backward) timed.kernels.push_back(shaped(row.backward, *dtype, row.shape, dims));
    return timed.kernels.empty() ? skip("operator " + op + " names no pass") : timed;
  }
  return skip("operator " + op +
              " is not in the catalogue of kernels, or its traffic is a training stack's");
}

}  // namespace stepcast
