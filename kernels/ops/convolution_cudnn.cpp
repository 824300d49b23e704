#include <cudnn.h>

#include <map>
#include <string>
#include <vector>

#include "kernels/cuda/check.h"
#include "kernels/ops/convolution.h"
#include "sim/base/error.h"

namespace stepcast::cuda {
namespace {

void check(cudnnStatus_t status, const CallPlace& place = CallPlace::current()) {
  check_library(status == CUDNN_STATUS_SUCCESS, "cuDNN", cudnnGetErrorString(status), place);
}

/// Owners of cuDNN's handle and descriptors.
template <typename Handle, cudnnStatus_t (*kCreate)(Handle*), cudnnStatus_t (*kDestroy)(Handle)>
class Owned {
 public:
  Owned() { check(kCreate(&handle_)); }
  ~Owned() { (void)kDestroy(handle_); }
  Owned(const Owned&) = delete;
  Owned& operator=(const Owned&) = delete;
  Handle get() const { return handle_; }

 private:
  Handle handle_ = nullptr;
};
using Library = Owned<cudnnHandle_t, cudnnCreate, cudnnDestroy>;
using Tensor =
    Owned<cudnnTensorDescriptor_t, cudnnCreateTensorDescriptor, cudnnDestroyTensorDescriptor>;
using Filter =
    Owned<cudnnFilterDescriptor_t, cudnnCreateFilterDescriptor, cudnnDestroyFilterDescriptor>;
using Description = Owned<cudnnConvolutionDescriptor_t, cudnnCreateConvolutionDescriptor,
                          cudnnDestroyConvolutionDescriptor>;

/// The fastest kernel by cuDNN's heuristics that gives the same bits every time.
template <typename Found>
const Found& repeatable(const std::vector<Found>& found) {
  for (const Found& one : found)
    if (one.status == CUDNN_STATUS_SUCCESS && one.determinism == CUDNN_DETERMINISTIC) return one;
  throw Error(ErrorKind::kUnsupported, "cuDNN has no repeatable kernel for this convolution");
}

constexpr int kAsked = 8;  ///< kernels that cuDNN is asked to name

/// A convolution that cuDNN has been asked about.
struct Plan {
  Tensor x, y;
  Filter weights;
  Description description;
  int kernel = 0;
  std::size_t workspace = 0;

  Plan(cudnnHandle_t handle, const ConvolutionArguments& arguments);

 private:
  void choose_for(cudnnHandle_t handle, ConvolutionPass pass);
  template <typename Found, typename Ask>
  void choose(Ask ask) {
    std::vector<Found> found(kAsked);
    int count = 0;
    check(ask(&count, found.data()));
    found.resize(static_cast<std::size_t>(count));
    const Found& best = repeatable(found);
    kernel = best.algo;
    workspace = best.memory;
  }
};

void describe(const Tensor& tensor, const std::array<int, 4>& n) {
  check(cudnnSetTensor4dDescriptor(tensor.get(), CUDNN_TENSOR_NCHW, CUDNN_DATA_FLOAT, n[0], n[1],
                                   n[2], n[3]));
}

Plan::Plan(cudnnHandle_t handle, const ConvolutionArguments& a) {
  describe(x, a.x);
  describe(y, a.y);
  check(cudnnSetFilter4dDescriptor(weights.get(), CUDNN_DATA_FLOAT, CUDNN_TENSOR_NCHW, a.weights[0],
                                   a.weights[1], a.weights[2], a.weights[3]));
  check(cudnnSetConvolution2dDescriptor(description.get(), a.padding, a.padding, a.stride, a.stride,
                                        1, 1, CUDNN_CROSS_CORRELATION, CUDNN_DATA_FLOAT));
  check(
      cudnnSetConvolutionMathType(description.get(), a.tf32 ? CUDNN_DEFAULT_MATH : CUDNN_FMA_MATH));
  choose_for(handle, a.pass);
}

void Plan::choose_for(cudnnHandle_t handle, ConvolutionPass pass) {
  switch (pass) {
    case ConvolutionPass::kForward:
      return choose<cudnnConvolutionFwdAlgoPerf_t>([&](int* count, auto* found) {
        return cudnnGetConvolutionForwardAlgorithm_v7(
            handle, x.get(), weights.get(), description.get(), y.get(), kAsked, count, found);
      });
    case ConvolutionPass::kDgrad:
      return choose<cudnnConvolutionBwdDataAlgoPerf_t>([&](int* count, auto* found) {
        return cudnnGetConvolutionBackwardDataAlgorithm_v7(
            handle, weights.get(), y.get(), description.get(), x.get(), kAsked, count, found);
      });
    case ConvolutionPass::kWgrad:
      return choose<cudnnConvolutionBwdFilterAlgoPerf_t>([&](int* count, auto* found) {
        return cudnnGetConvolutionBackwardFilterAlgorithm_v7(
            handle, x.get(), y.get(), description.get(), weights.get(), kAsked, count, found);
      });
  }
}

}  // namespace

struct Convolutions::State {
  explicit State(DeviceContext& of) : context(of) {
    check(cudnnSetStream(library.get(), context.stream()));
  }
  DeviceContext& context;
  Library library;
  std::map<ConvolutionArguments, Plan> plans;
};

Convolutions::Convolutions(DeviceContext& context) : state_(std::make_unique<State>(context)) {}
Convolutions::~Convolutions() = default;

void Convolutions::run(const ConvolutionArguments& arguments, const float* a, const float* b,
                       float* result) {
  const cudnnHandle_t handle = state_->library.get();
  const Plan& p = state_->plans.try_emplace(arguments, handle, arguments).first->second;
  void* const workspace = state_->context.scratch(p.workspace);
  constexpr float kOne = 1, kZero = 0;
  switch (arguments.pass) {
    case ConvolutionPass::kForward:
      return check(cudnnConvolutionForward(handle, &kOne, p.x.get(), a, p.weights.get(), b,
                                           p.description.get(),
                                           static_cast<cudnnConvolutionFwdAlgo_t>(p.kernel),
                                           workspace, p.workspace, &kZero, p.y.get(), result));
    case ConvolutionPass::kDgrad:
      return check(cudnnConvolutionBackwardData(
          handle, &kOne, p.weights.get(), a, p.y.get(), b, p.description.get(),
          static_cast<cudnnConvolutionBwdDataAlgo_t>(p.kernel), workspace, p.workspace, &kZero,
          p.x.get(), result));
    case ConvolutionPass::kWgrad:
      return check(cudnnConvolutionBackwardFilter(
          handle, &kOne, p.x.get(), a, p.y.get(), b, p.description.get(),
          static_cast<cudnnConvolutionBwdFilterAlgo_t>(p.kernel), workspace, p.workspace, &kOne,
          p.weights.get(), result));
  }
}

}  // namespace stepcast::cuda
