#include "kernels/profiler/bench_case.h"

#include <algorithm>

#include "kernels/profiler/special_layouts.h"
#include "sim/compute/dims.h"
#include "sim/cost/measured_kernels.h"

namespace stepcast {
namespace {

using enum KernelKind;
using Content = BenchOperand::Content;

constexpr std::int64_t kRow = 512;            ///< elements, where a kernel does not say
constexpr std::int64_t kVocabulary = 32'768;  ///< rows of an embedding, likewise

/// Gradients of weights are sums over microbatches.
bool is_sum(std::string_view slot) {
  return slot == "dweight" || slot == "dbias" || slot == "dtable" || slot == "dpositions" ||
         slot == "sum";
}

/// Operands that are fp32 whatever the kernel's type: statistics, sums, state of an optimizer.
bool is_always_fp32(std::string_view slot, KernelKind kind) {
  const bool loss = kind == kCrossEntropyForward || kind == kCrossEntropyBackward;
  const bool updates = kind == kAdam || kind == kSgd;
  const bool lamb = kind == kLambDirection || (kind == kLambApply && slot == "direction");
  if (lamb || slot == "norms") return true;
  if (slot == "probabilities") return loss;
  if (slot == "gradient") return updates;
  if (is_sum(slot)) return kind != kAddGradient;
  return slot == "log_sum" || slot == "row_maximum" || slot == "sums" || slot == "targets" ||
         slot == "loss" || slot == "norm" || slot == "sum_of_squares" ||
         slot.starts_with("moment") || slot == "master";
}

/// What the operand of a slot holds, and in which type.
BenchOperand described(const OperandSlot& slot, const Kernel& kernel) {
  BenchOperand operand{.dtype = kernel.dtype, .access = slot.access};
  if (slot.name == "ids" || slot.name == "labels" || slot.name == "indices")
    operand.content = Content::kIds;
  if (slot.name == "mask") operand.content = Content::kMask;
  if (slot.name == "codes") operand.content = Content::kCodes;
  const bool norm = slot.name == "norm" || slot.name == "norms";
  if (norm && slot.access == Access::kRead) operand.content = Content::kOnes;
  // Products of fp8 come out in 16 bits.
  if (kernel.dtype == Dtype::kFp8 && slot.access != Access::kRead) operand.dtype = Dtype::kBf16;
  if (is_always_fp32(slot.name, kernel.kind)) operand.dtype = Dtype::kFp32;
  return operand;
}

std::int64_t extent_of(Extent extent, const Kernel& kernel) {
  switch (extent) {
    case Extent::kOne:
      return 1;
    case Extent::kAny:
    case Extent::kElements:
      return 0;
    default:
      return kernel.dims[static_cast<std::size_t>(extent)];
  }
}

/// Rows of kRow elements, or one row where that does not divide them.
Layout rows_of(std::int64_t elements) {
  return elements % kRow == 0 ? Layout::dense(elements / kRow, kRow) : Layout::dense(1, elements);
}

/// Square matrices of scores: of sequences of kScoreTokens where they are few (up to 64 of 512), of
/// 512 beyond, and of shorter ones where these don't divide the elements.
Layout scores_of(std::int64_t elements) {
  std::int64_t side = elements < 64 * kRow * kRow ? kScoreTokens : kRow;
  while (side > 1 && elements % (side * side) != 0) side /= 2;
  return Layout::dense(elements / side, side);
}

bool works_on_scores(KernelKind kind) {
  return kind == kScoreSoftmaxForward || kind == kScoreSoftmaxBackward;
}

/// What the kernel works through. The optimizer takes weights as one flat piece.
Layout whole_of(const Kernel& kernel) {
  const bool flat = info(kernel.kind).pass == KernelPass::kUpdate;
  if (flat) return Layout::dense(1, kernel.dims[0]);
  return works_on_scores(kernel.kind) ? scores_of(kernel.dims[0]) : rows_of(kernel.dims[0]);
}

/// Heads `first` and after it of a packed projection, `width` features a token.
Layout heads_of(const Kernel& kernel, std::int64_t tokens, std::int64_t first, std::int64_t width,
                std::int64_t repeat) {
  const auto [batch, heads, kv_heads, queries, keys, head_dim] = attention_dims(kernel);
  return {.offset = first * head_dim,
          .rows = tokens,
          .columns = head_dim,
          .row_stride = width,
          .outer = {.count = batch, .stride = tokens * width},
          .inner = {.count = heads, .stride = head_dim},
          .repeat = repeat};
}

Layout attention_layout(const Kernel& kernel, std::string_view slot) {
  const auto [batch, heads, kv_heads, queries, keys, head_dim] = attention_dims(kernel);
  const std::int64_t packed = (heads + 2 * kv_heads) * head_dim;
  if (slot == "q" || slot == "dq") return heads_of(kernel, queries, 0, packed, 1);
  if (slot == "k" || slot == "dk") return heads_of(kernel, keys, heads, packed, heads / kv_heads);
  if (slot == "v" || slot == "dv")
    return heads_of(kernel, keys, heads + kv_heads, packed, heads / kv_heads);
  if (slot == "log_sum")
    return {.rows = 1,
            .columns = queries,
            .row_stride = queries,
            .outer = {.count = batch, .stride = heads * queries},
            .inner = {.count = heads, .stride = queries}};
  return heads_of(kernel, queries, 0, heads * head_dim, 1);
}

Layout batched_layout(const Layout& matrix, std::int64_t batch) {
  Layout layout = matrix;
  layout.inner = {.count = std::max<std::int64_t>(batch, 1), .stride = matrix.elements()};
  return layout;
}

/// A slot that has no extent of its own takes its shape from what the kernel works through.
Layout layout_of(const Kernel& kernel, const OperandSlot& slot) {
  if (info(kernel.kind).family == KernelFamily::kAttention)
    return attention_layout(kernel, slot.name);
  if (const auto own = special_layout(kernel, slot.name)) return *own;
  const std::int64_t rows = extent_of(slot.rows, kernel), columns = extent_of(slot.columns, kernel);
  if (rows > 0 && columns > 0) {
    const Layout matrix = Layout::dense(rows, columns);
    const bool batched = info(kernel.kind).family == KernelFamily::kBatchedGemm;
    return batched ? batched_layout(matrix, kernel.dims[3]) : matrix;
  }
  if (slot.name == "table" || slot.name == "dtable") return Layout::dense(kVocabulary, columns);
  const Layout whole = whole_of(kernel);
  return slot.name == "bias" ? Layout::dense(1, whole.columns) : whole;
}

/// Operands that most launches have though they need not.
bool is_left_out(const OperandSlot& slot, const Kernel& kernel) {
  if (!slot.optional) return false;
  const KernelKind kind = kernel.kind;
  const bool residual = kind == kResidualDropoutForward && slot.name == "residual";
  const bool norm_bias = kind == kLayerNormForward || kind == kLayerNormBackward;
  const bool running = slot.name.starts_with("running");
  const bool copy = slot.name == "master" && size_of(kernel.dtype) < 4;
  return !residual && !norm_bias && !running && !copy;
}

KernelArguments default_arguments(const Kernel& kernel) {
  const Layout whole = whole_of(kernel);
  KernelArguments arguments;
  arguments.sequence = works_on_scores(kernel.kind) ? whole.columns : whole.rows;
  arguments.head_dim = std::min<std::int64_t>(64, whole.columns);
  arguments.rotated = whole.columns / arguments.head_dim * arguments.head_dim;
  arguments.words = kernel.dims[1];
  arguments.causal = true;
  const bool gated = kernel.kind == kSwigluForward || kernel.kind == kSwigluBackward;
  if (gated) arguments.function = KernelArguments::Function::kSilu;
  return arguments;
}

/// The part of `layout` that one of `ranks` has.
Layout part_of(const Layout& layout, std::int64_t ranks) {
  const std::int64_t elements = layout.elements() / ranks;
  return {.offset = layout.offset, .rows = 1, .columns = elements, .row_stride = elements};
}

/// A rank that runs the program, for the sizes of its groups.
const RankPlace& example_rank(const Job& job, std::uint32_t program) {
  return *std::find_if(job.ranks.begin(), job.ranks.end(),
                       [&](const RankPlace& place) { return place.program == program; });
}

std::int64_t group_size(const Job& job, const RankPlace& place, GroupRole role) {
  const std::uint32_t group = place.group[static_cast<std::size_t>(role)];
  return group == kNone ? 1 : static_cast<std::int64_t>(job.groups[group].ranks.size());
}

/// Weights lie deep inside the parameters of a stage. What counts is where their rows begin within
/// wider ones, and of those without gaps how they are aligned.
std::int64_t offset_within_rows(const Layout& layout) {
  constexpr std::int64_t kAligned = 128;  // elements, 256 bytes or more
  if (layout.row_stride == 0) return 0;
  return layout.offset % (layout.contiguous() ? kAligned : layout.row_stride);
}

BenchOperand operand_of(const Job& job, std::uint32_t index, const Compute& op, std::size_t slot) {
  const Operand& operand = op.operands[slot];
  BenchOperand result = described(signature_of(op.kernel.kind).slot(slot), op.kernel);
  if (operand.view.buffer == kNone) return result;
  const Buffer& buffer = job.programs[index].buffers[operand.view.buffer];
  result.layout = operand.view.layout;
  result.dtype = buffer.dtype;
  result.add = operand.add;
  if (operand.view.own_part)
    result.layout = part_of(operand.view.layout,
                            group_size(job, example_rank(job, index), *operand.view.own_part));
  result.layout.offset = offset_within_rows(result.layout);
  return result;
}

BenchCase case_of(const Job& job, std::uint32_t index, const Compute& op) {
  if (!job.programs[index].timing_only.empty()) return default_case(op.kernel);
  BenchCase result{.kernel = op.kernel, .arguments = op.arguments};
  for (std::size_t slot = 0; slot < op.operands.size(); ++slot)
    result.operands.push_back(operand_of(job, index, op, slot));
  result.ids_below = std::max<std::int64_t>(op.arguments.words, 1);
  for (const BenchOperand& operand : result.operands)
    if (operand.content == Content::kNumbers && op.kernel.kind != kCrossEntropyForward &&
        op.kernel.kind != kCrossEntropyBackward)
      result.ids_below = std::max(result.ids_below, operand.layout.rows);
  return result;
}

}  // namespace

std::int64_t BenchOperand::element_bytes() const {
  if (content == Content::kIds) return 4;
  return content == Content::kMask || content == Content::kCodes ? 1 : size_of(dtype);
}

std::int64_t BenchCase::bytes() const {
  std::int64_t sum = 0;
  for (const BenchOperand& operand : operands) sum += operand.bytes();
  return sum;
}

std::vector<BenchCase> cases_of(const Job& job) {
  std::vector<BenchCase> cases;
  MeasuredKernels seen;
  for (std::uint32_t index = 0; index < job.programs.size(); ++index)
    for (const Block& block : job.programs[index].blocks)
      for (const Op& op : block.ops) {
        const auto* compute = std::get_if<Compute>(&op.what);
        if (compute == nullptr || seen.find(compute->kernel) != nullptr) continue;
        seen.set({.kernel = compute->kernel, .time = {}});
        cases.push_back(case_of(job, index, *compute));
      }
  return cases;
}

BenchCase default_case(const Kernel& kernel) {
  BenchCase result{.kernel = kernel, .arguments = default_arguments(kernel)};
  for (const OperandSlot& slot : signature_of(kernel.kind).slots) {
    BenchOperand operand = described(slot, kernel);
    if (!is_left_out(slot, kernel)) operand.layout = layout_of(kernel, slot);
    operand.add = is_sum(slot.name);
    result.operands.push_back(operand);
  }
  const bool embeds = kernel.kind == kEmbeddingForward || kernel.kind == kEmbeddingBackward;
  result.ids_below = embeds ? kVocabulary : std::max<std::int64_t>(kernel.dims[1], 1);
  if (kernel.kind == kAddSparse) result.rising_ids = true, result.ids_below = kernel.dims[0];
  return result;
}

std::vector<std::int32_t> ids_of(const BenchCase& bench_case, std::span<const std::int32_t> random,
                                 std::size_t count) {
  std::vector<std::int32_t> ids(random.begin(),
                                random.begin() + static_cast<std::ptrdiff_t>(count));
  for (std::size_t i = 0; i < count; ++i)
    ids[i] = static_cast<std::int32_t>(bench_case.rising_ids
                                           ? static_cast<std::int64_t>(i) * bench_case.ids_below /
                                                 static_cast<std::int64_t>(count)
                                           : ids[i] % bench_case.ids_below);
  return ids;
}

}  // namespace stepcast
