// The table of operands.
#include "sim/base/error.h"
#include "sim/compute/operands.h"

namespace stepcast {
namespace {

using enum Access;
using enum Extent;
constexpr bool kOptional = true;

constexpr OperandSlot kGemmForwardSlots[] = {{"x", kRead, kDim0, kDim2},
                                             {"weight", kRead, kDim1, kDim2},
                                             {"bias", kRead, kOne, kDim1, kOptional},
                                             {"y", kWrite, kDim0, kDim1},
                                             {"row_maximum", kWrite, kOne, kDim0, kOptional}};
constexpr OperandSlot kGemmDgradSlots[] = {
    {"dy", kRead, kDim0, kDim2}, {"weight", kRead, kDim2, kDim1}, {"dx", kWrite, kDim0, kDim1}};
constexpr OperandSlot kGemmWgradSlots[] = {{"x", kRead, kDim2, kDim0},
                                           {"dy", kRead, kDim2, kDim1},
                                           {"dweight", kWrite, kDim1, kDim0},
                                           {"dbias", kWrite, kOne, kDim1, kOptional}};
constexpr OperandSlot kBatchedSlots[] = {
    {"a", kRead, kDim0, kDim2}, {"b", kRead, kDim2, kDim1}, {"result", kWrite, kDim0, kDim1}};
constexpr OperandSlot kFlashForwardSlots[] = {{"q", kRead, kDim3, kDim5},
                                              {"k", kRead, kDim4, kDim5},
                                              {"v", kRead, kDim4, kDim5},
                                              {"o", kWrite, kDim3, kDim5},
                                              {"log_sum", kWrite, kAny, kDim3}};
constexpr OperandSlot kFlashBackwardSlots[] = {
    {"q", kRead, kDim3, kDim5},   {"k", kRead, kDim4, kDim5},      {"v", kRead, kDim4, kDim5},
    {"o", kRead, kDim3, kDim5},   {"log_sum", kRead, kAny, kDim3}, {"do", kRead, kDim3, kDim5},
    {"dq", kWrite, kDim3, kDim5}, {"dk", kWrite, kDim4, kDim5},    {"dv", kWrite, kDim4, kDim5}};
constexpr OperandSlot kSoftmaxForwardSlots[] = {{"scores", kRead, kElements, kAny},
                                                {"probabilities", kWrite, kElements, kAny},
                                                {"mask", kWrite, kElements, kAny, kOptional},
                                                {"dropped", kWrite, kElements, kAny, kOptional}};
constexpr OperandSlot kSoftmaxBackwardSlots[] = {{"probabilities", kRead, kElements, kAny},
                                                 {"mask", kRead, kElements, kAny, kOptional},
                                                 {"dprobabilities", kRead, kElements, kAny},
                                                 {"dscores", kWrite, kElements, kAny}};
constexpr OperandSlot kNormForwardSlots[] = {{"x", kRead, kDim0, kDim1},
                                             {"weight", kRead, kOne, kDim1},
                                             {"bias", kRead, kOne, kDim1, kOptional},
                                             {"y", kWrite, kDim0, kDim1}};
constexpr OperandSlot kNormBackwardSlots[] = {
    {"x", kRead, kDim0, kDim1},       {"weight", kRead, kOne, kDim1},
    {"dy", kRead, kDim0, kDim1},      {"dx", kWrite, kDim0, kDim1},
    {"dweight", kWrite, kOne, kDim1}, {"dbias", kWrite, kOne, kDim1, kOptional}};
constexpr OperandSlot kGeluForwardSlots[] = {{"x", kRead, kElements, kAny},
                                             {"y", kWrite, kElements, kAny}};
constexpr OperandSlot kGeluBackwardSlots[] = {
    {"x", kRead, kElements, kAny}, {"dy", kRead, kElements, kAny}, {"dx", kWrite, kElements, kAny}};
constexpr OperandSlot kSwigluForwardSlots[] = {{"gate", kRead, kElements, kAny},
                                               {"value", kRead, kElements, kAny},
                                               {"y", kWrite, kElements, kAny}};
constexpr OperandSlot kSwigluBackwardSlots[] = {{"gate", kRead, kElements, kAny},
                                                {"value", kRead, kElements, kAny},
                                                {"dy", kRead, kElements, kAny},
                                                {"dgate", kWrite, kElements, kAny},
                                                {"dvalue", kWrite, kElements, kAny}};
constexpr OperandSlot kRotaryForwardSlots[] = {{"x", kRead, kAny, kAny}, {"y", kWrite, kAny, kAny}};
constexpr OperandSlot kRotaryBackwardSlots[] = {{"dy", kRead, kAny, kAny},
                                                {"dx", kWrite, kAny, kAny}};
constexpr OperandSlot kResidualForwardSlots[] = {{"x", kRead, kElements, kAny},
                                                 {"bias", kRead, kOne, kAny, kOptional},
                                                 {"residual", kRead, kElements, kAny, kOptional},
                                                 {"positions", kRead, kAny, kAny, kOptional},
                                                 {"y", kWrite, kElements, kAny},
                                                 {"mask", kWrite, kElements, kAny, kOptional}};
constexpr OperandSlot kResidualBackwardSlots[] = {{"dy", kRead, kElements, kAny},
                                                  {"mask", kRead, kElements, kAny, kOptional},
                                                  {"dx", kWrite, kElements, kAny},
                                                  {"dresidual", kWrite, kElements, kAny, kOptional},
                                                  {"dpositions", kWrite, kAny, kAny, kOptional}};
constexpr OperandSlot kEmbeddingForwardSlots[] = {
    {"ids", kRead, kOne, kDim0}, {"table", kRead, kAny, kDim1}, {"y", kWrite, kDim0, kDim1}};
constexpr OperandSlot kEmbeddingBackwardSlots[] = {
    {"ids", kRead, kOne, kDim0}, {"dy", kRead, kDim0, kDim1}, {"dtable", kWrite, kAny, kDim1}};
constexpr OperandSlot kLossForwardSlots[] = {
    {"logits", kRead, kDim0, kDim1},         {"bias", kRead, kOne, kDim1, kOptional},
    {"labels", kRead, kOne, kDim0},          {"row_maximum", kRead, kOne, kDim0, kOptional},
    {"probabilities", kWrite, kDim0, kDim1}, {"sums", kWrite, kOne, kDim0},
    {"targets", kWrite, kOne, kDim0}};
constexpr OperandSlot kLossBackwardSlots[] = {{"probabilities", kRead, kDim0, kDim1},
                                              {"sums", kRead, kOne, kDim0},
                                              {"targets", kRead, kOne, kDim0},
                                              {"labels", kRead, kOne, kDim0},
                                              {"dlogits", kWrite, kDim0, kDim1},
                                              {"dbias", kWrite, kOne, kDim1, kOptional},
                                              {"loss", kWrite, kOne, kOne}};
constexpr OperandSlot kCopySlots[] = {{"x", kRead, kAny, kAny}, {"y", kWrite, kAny, kAny}};
constexpr OperandSlot kAddSlots[] = {{"x", kRead, kAny, kAny}, {"sum", kWrite, kAny, kAny}};
constexpr OperandSlot kAdamSlots[] = {
    {"norm", kRead, kOne, kOne, kOptional}, {"weight", kReadWrite, kAny, kAny},
    {"gradient", kRead, kAny, kAny},        {"moment1", kReadWrite, kAny, kAny},
    {"moment2", kReadWrite, kAny, kAny},    {"master", kReadWrite, kAny, kAny, kOptional}};
constexpr OperandSlot kSgdSlots[] = {{"norm", kRead, kOne, kOne, kOptional},
                                     {"weight", kReadWrite, kAny, kAny},
                                     {"gradient", kRead, kAny, kAny},
                                     {"momentum", kReadWrite, kAny, kAny},
                                     {"master", kReadWrite, kAny, kAny, kOptional}};
constexpr OperandSlot kGradNormSlots[] = {{"sum_of_squares", kWrite, kOne, kOne},
                                          {"gradient", kRead, kAny, kAny}};
constexpr OperandSlot kConvolutionForwardSlots[] = {
    {"x", kRead, kDim0, kAny}, {"weight", kRead, kDim4, kAny}, {"y", kWrite, kDim0, kAny}};
constexpr OperandSlot kConvolutionDgradSlots[] = {
    {"weight", kRead, kDim4, kAny}, {"dy", kRead, kDim0, kAny}, {"dx", kWrite, kDim0, kAny}};
constexpr OperandSlot kConvolutionWgradSlots[] = {
    {"x", kRead, kDim0, kAny}, {"dy", kRead, kDim0, kAny}, {"dweight", kWrite, kDim4, kAny}};
constexpr OperandSlot kBatchNormForwardSlots[] = {
    {"x", kRead, kDim0, kAny},
    {"weight", kRead, kOne, kDim1},
    {"bias", kRead, kOne, kDim1},
    {"y", kWrite, kDim0, kAny},
    {"running_mean", kReadWrite, kOne, kDim1, kOptional},
    {"running_variance", kReadWrite, kOne, kDim1, kOptional}};
constexpr OperandSlot kBatchNormBackwardSlots[] = {
    {"x", kRead, kDim0, kAny},   {"weight", kRead, kOne, kDim1},   {"dy", kRead, kDim0, kAny},
    {"dx", kWrite, kDim0, kAny}, {"dweight", kWrite, kOne, kDim1}, {"dbias", kWrite, kOne, kDim1}};
constexpr OperandSlot kPoolingForwardSlots[] = {{"x", kRead, kDim0, kAny},
                                                {"y", kWrite, kDim0, kAny}};
constexpr OperandSlot kMaxPoolingBackwardSlots[] = {
    {"x", kRead, kDim0, kAny}, {"dy", kRead, kDim0, kAny}, {"dx", kWrite, kDim0, kAny}};
constexpr OperandSlot kAveragePoolingBackwardSlots[] = {{"dy", kRead, kDim0, kAny},
                                                        {"dx", kWrite, kDim0, kAny}};
constexpr OperandSlot kTopKSlots[] = {{"x", kRead, kElements, kAny},
                                      {"indices", kWrite, kOne, kDim1},
                                      {"values", kWrite, kOne, kDim1}};
constexpr OperandSlot kAddSparseSlots[] = {{"indices", kRead, kOne, kDim1},
                                           {"values", kRead, kOne, kDim1},
                                           {"x", kReadWrite, kElements, kAny}};
constexpr OperandSlot kQuantizeSlots[] = {{"x", kRead, kElements, kAny},
                                          {"codes", kWrite, kElements, kAny},
                                          {"scales", kWrite, kOne, kAny}};
constexpr OperandSlot kDequantizeSlots[] = {{"codes", kRead, kElements, kAny},
                                            {"scales", kRead, kOne, kAny},
                                            {"x", kWrite, kElements, kAny}};
constexpr OperandSlot kLambDirectionSlots[] = {
    {"weight", kRead, kAny, kAny},       {"gradient", kRead, kAny, kAny},
    {"moment1", kReadWrite, kAny, kAny}, {"moment2", kReadWrite, kAny, kAny},
    {"direction", kWrite, kAny, kAny},   {"norms", kWrite, kOne, kAny}};
constexpr OperandSlot kLambApplySlots[] = {{"norms", kRead, kOne, kAny},
                                           {"direction", kRead, kAny, kAny},
                                           {"weight", kReadWrite, kAny, kAny},
                                           {"master", kReadWrite, kAny, kAny, kOptional}};
constexpr OperandSlot kClipGradientSlots[] = {{"norm", kRead, kOne, kOne},
                                              {"gradient", kReadWrite, kAny, kAny}};

/// In the order of KernelKind.
constexpr Signature kTable[] = {{kGemmForwardSlots},
                                {kGemmDgradSlots},
                                {kGemmWgradSlots},
                                {kBatchedSlots},
                                {kBatchedSlots},
                                {kFlashForwardSlots},
                                {kFlashBackwardSlots},
                                {kSoftmaxForwardSlots},
                                {kSoftmaxBackwardSlots},
                                {kNormForwardSlots},
                                {kNormBackwardSlots},
                                {kNormForwardSlots},
                                {kNormBackwardSlots},
                                {kGeluForwardSlots},
                                {kGeluBackwardSlots},
                                {kSwigluForwardSlots},
                                {kSwigluBackwardSlots},
                                {kRotaryForwardSlots},
                                {kRotaryBackwardSlots},
                                {kResidualForwardSlots},
                                {kResidualBackwardSlots},
                                {kEmbeddingForwardSlots},
                                {kEmbeddingBackwardSlots},
                                {kLossForwardSlots},
                                {kLossBackwardSlots},
                                {kCopySlots, 0},
                                {kAddSlots, 0},
                                {kAddSlots, 0},
                                {kAdamSlots, 1},
                                {kSgdSlots, 1},
                                {kGradNormSlots, 1},
                                {kConvolutionForwardSlots},
                                {kConvolutionDgradSlots},
                                {kConvolutionWgradSlots},
                                {kBatchNormForwardSlots},
                                {kBatchNormBackwardSlots},
                                {kPoolingForwardSlots},
                                {kMaxPoolingBackwardSlots},
                                {kPoolingForwardSlots},
                                {kAveragePoolingBackwardSlots},
                                {kTopKSlots},
                                {kAddSparseSlots},
                                {kQuantizeSlots},
                                {kDequantizeSlots},
                                {kLambDirectionSlots, 0},
                                {kLambApplySlots, 0},
                                {kClipGradientSlots, 1}};
static_assert(std::size(kTable) == kNumKernelKinds);

}  // namespace

const Signature& signature_of(KernelKind kind) {
  const auto index = static_cast<std::size_t>(kind);
  STEPCAST_CHECK(index < std::size(kTable), "a kernel without a row in the table of operands");
  return kTable[index];
}

}  // namespace stepcast
