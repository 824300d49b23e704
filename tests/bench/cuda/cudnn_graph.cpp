#include "tests/bench/cuda/cudnn_graph.h"

#include "kernels/cuda/check.h"
#include "sim/base/error.h"

namespace stepcast::bench {
namespace {

/// Heuristics that are asked; engines that cannot be built are passed over.
constexpr std::int64_t kAsked = 8;

void check(cudnnStatus_t status, const std::string& what) {
  if (status == CUDNN_STATUS_SUCCESS) return;
  std::array<char, 1024> words{};
  cudnnGetLastErrorString(words.data(), words.size());
  throw Error(ErrorKind::kUnsupported,
              "cuDNN refused: " + what + ": " + cudnnGetErrorString(status) + ": " + words.data());
}

CudnnGraph::Four row_major(const CudnnGraph::Four& n) {
  return {n[1] * n[2] * n[3], n[2] * n[3], n[3], 1};
}

}  // namespace

CudnnDescriptor::CudnnDescriptor(cudnnBackendDescriptorType_t type, std::string what)
    : what_(std::move(what)) {
  cudnnBackendDescriptor_t made = nullptr;
  check(cudnnBackendCreateDescriptor(type, &made), "create " + what_);
  owned_.reset(made);
}

void CudnnDescriptor::set_raw(cudnnBackendAttributeName_t name, cudnnBackendAttributeType_t type,
                              std::int64_t count, const void* values) {
  check(cudnnBackendSetAttribute(get(), name, type, count, values),
        "attribute " + std::to_string(static_cast<int>(name)) + " of " + what_);
}

void CudnnDescriptor::finalize() { check(cudnnBackendFinalize(get()), "finalize " + what_); }

CudnnDescriptor properties_of_device() {
  int device = 0;
  check_cuda(cudaGetDevice(&device));
  CudnnDescriptor properties(CUDNN_BACKEND_DEVICEPROP_DESCRIPTOR, "the device's properties");
  properties.set_one(CUDNN_ATTR_DEVICEPROP_DEVICE_ID, CUDNN_TYPE_INT32,
                     static_cast<std::int32_t>(device));
  properties.finalize();
  return properties;
}

CudnnDescriptor properties_from_json(const std::string& json) {
  CudnnDescriptor properties(CUDNN_BACKEND_DEVICEPROP_DESCRIPTOR, "the device's properties");
  properties.set(CUDNN_ATTR_DEVICEPROP_JSON_REPRESENTATION, CUDNN_TYPE_CHAR,
                 std::vector<char>(json.begin(), json.end()));
  properties.finalize();
  return properties;
}

CudnnDescriptor& CudnnGraph::keep(cudnnBackendDescriptorType_t type, const std::string& what) {
  return kept_.emplace_back(type, what);
}

CudnnGraph::Tensor CudnnGraph::tensor(const std::string& name, const Four& dims,
                                      const Four& strides, cudnnDataType_t type, bool is_virtual,
                                      bool by_value) {
  CudnnDescriptor& one = keep(CUDNN_BACKEND_TENSOR_DESCRIPTOR, "tensor " + name);
  one.set_one(CUDNN_ATTR_TENSOR_UNIQUE_ID, CUDNN_TYPE_INT64, ++last_uid_);
  one.set_one(CUDNN_ATTR_TENSOR_DATA_TYPE, CUDNN_TYPE_DATA_TYPE, type);
  one.set(CUDNN_ATTR_TENSOR_DIMENSIONS, CUDNN_TYPE_INT64,
          std::vector<std::int64_t>(dims.begin(), dims.end()));
  one.set(CUDNN_ATTR_TENSOR_STRIDES, CUDNN_TYPE_INT64,
          std::vector<std::int64_t>(strides.begin(), strides.end()));
  one.set_one(CUDNN_ATTR_TENSOR_BYTE_ALIGNMENT, CUDNN_TYPE_INT64, std::int64_t{16});
  one.set_one(CUDNN_ATTR_TENSOR_IS_VIRTUAL, CUDNN_TYPE_BOOLEAN, is_virtual);
  one.set_one(CUDNN_ATTR_TENSOR_IS_BY_VALUE, CUDNN_TYPE_BOOLEAN, by_value);
  one.finalize();
  return one.get();
}

CudnnGraph::Tensor CudnnGraph::memory(const std::string& name, const Four& dims,
                                      const Four& strides, cudnnDataType_t type, const void* data) {
  const Tensor made = tensor(name, dims, strides, type, false, false);
  uids_.push_back(last_uid_);
  data_.push_back(const_cast<void*>(data));  // the variant pack knows no const
  return made;
}

CudnnGraph::Tensor CudnnGraph::number(const std::string& name, float value) {
  const Tensor made = tensor(name, {1, 1, 1, 1}, {1, 1, 1, 1}, CUDNN_DATA_FLOAT, false, true);
  uids_.push_back(last_uid_);
  data_.push_back(&numbers_.emplace_back(value));
  return made;
}

CudnnGraph::Tensor CudnnGraph::between(const std::string& name, const Four& dims,
                                       cudnnDataType_t type) {
  return between(name, dims, row_major(dims), type);
}

CudnnGraph::Tensor CudnnGraph::between(const std::string& name, const Four& dims,
                                       const Four& strides, cudnnDataType_t type) {
  return tensor(name, dims, strides, type, true, false);
}

void CudnnGraph::operation(CudnnDescriptor& one) {
  one.finalize();
  operations_.push_back(one.get());
}

void CudnnGraph::matmul(Tensor a, Tensor b, Tensor result) {
  CudnnDescriptor& kind = keep(CUDNN_BACKEND_MATMUL_DESCRIPTOR, "a product");
  kind.set_one(CUDNN_ATTR_MATMUL_COMP_TYPE, CUDNN_TYPE_DATA_TYPE, CUDNN_DATA_FLOAT);
  kind.finalize();
  CudnnDescriptor& one = keep(CUDNN_BACKEND_OPERATION_MATMUL_DESCRIPTOR, "a product's operation");
  one.set_descriptor(CUDNN_ATTR_OPERATION_MATMUL_DESC, kind.get());
  one.set_descriptor(CUDNN_ATTR_OPERATION_MATMUL_ADESC, a);
  one.set_descriptor(CUDNN_ATTR_OPERATION_MATMUL_BDESC, b);
  one.set_descriptor(CUDNN_ATTR_OPERATION_MATMUL_CDESC, result);
  operation(one);
}

CudnnDescriptor& CudnnGraph::pointwise_of(cudnnPointwiseMode_t mode, cudnnDataType_t arithmetic) {
  CudnnDescriptor& kind = keep(CUDNN_BACKEND_POINTWISE_DESCRIPTOR,
                               "pointwise mode " + std::to_string(static_cast<int>(mode)));
  kind.set_one(CUDNN_ATTR_POINTWISE_MODE, CUDNN_TYPE_POINTWISE_MODE, mode);
  kind.set_one(CUDNN_ATTR_POINTWISE_MATH_PREC, CUDNN_TYPE_DATA_TYPE, arithmetic);
  return kind;
}

void CudnnGraph::pointwise(cudnnPointwiseMode_t mode, Tensor x, Tensor b, Tensor result,
                           cudnnDataType_t arithmetic) {
  CudnnDescriptor& kind = pointwise_of(mode, arithmetic);
  kind.finalize();
  CudnnDescriptor& one = keep(CUDNN_BACKEND_OPERATION_POINTWISE_DESCRIPTOR, kind.what());
  one.set_descriptor(CUDNN_ATTR_OPERATION_POINTWISE_PW_DESCRIPTOR, kind.get());
  one.set_descriptor(CUDNN_ATTR_OPERATION_POINTWISE_XDESC, x);
  if (b != nullptr) one.set_descriptor(CUDNN_ATTR_OPERATION_POINTWISE_BDESC, b);
  one.set_descriptor(CUDNN_ATTR_OPERATION_POINTWISE_YDESC, result);
  operation(one);
}

void CudnnGraph::index(std::int64_t axis, Tensor x, Tensor result) {
  CudnnDescriptor& kind = pointwise_of(CUDNN_POINTWISE_GEN_INDEX, CUDNN_DATA_FLOAT);
  kind.set_one(CUDNN_ATTR_POINTWISE_AXIS, CUDNN_TYPE_INT64, axis);
  kind.finalize();
  CudnnDescriptor& one = keep(CUDNN_BACKEND_OPERATION_POINTWISE_DESCRIPTOR, "an index");
  one.set_descriptor(CUDNN_ATTR_OPERATION_POINTWISE_PW_DESCRIPTOR, kind.get());
  one.set_descriptor(CUDNN_ATTR_OPERATION_POINTWISE_XDESC, x);
  one.set_descriptor(CUDNN_ATTR_OPERATION_POINTWISE_YDESC, result);
  operation(one);
}

void CudnnGraph::select(Tensor x, Tensor other, Tensor mask, Tensor result) {
  CudnnDescriptor& kind = pointwise_of(CUDNN_POINTWISE_BINARY_SELECT, CUDNN_DATA_FLOAT);
  kind.finalize();
  CudnnDescriptor& one = keep(CUDNN_BACKEND_OPERATION_POINTWISE_DESCRIPTOR, "a selection");
  one.set_descriptor(CUDNN_ATTR_OPERATION_POINTWISE_PW_DESCRIPTOR, kind.get());
  one.set_descriptor(CUDNN_ATTR_OPERATION_POINTWISE_XDESC, x);
  one.set_descriptor(CUDNN_ATTR_OPERATION_POINTWISE_BDESC, other);
  one.set_descriptor(CUDNN_ATTR_OPERATION_POINTWISE_TDESC, mask);
  one.set_descriptor(CUDNN_ATTR_OPERATION_POINTWISE_YDESC, result);
  operation(one);
}

void CudnnGraph::reduce(cudnnReduceTensorOp_t op, Tensor x, Tensor result) {
  CudnnDescriptor& kind = keep(CUDNN_BACKEND_REDUCTION_DESCRIPTOR, "a reduction");
  kind.set_one(CUDNN_ATTR_REDUCTION_OPERATOR, CUDNN_TYPE_REDUCTION_OPERATOR_TYPE, op);
  kind.set_one(CUDNN_ATTR_REDUCTION_COMP_TYPE, CUDNN_TYPE_DATA_TYPE, CUDNN_DATA_FLOAT);
  kind.finalize();
  CudnnDescriptor& one =
      keep(CUDNN_BACKEND_OPERATION_REDUCTION_DESCRIPTOR, "a reduction's operation");
  one.set_descriptor(CUDNN_ATTR_OPERATION_REDUCTION_DESC, kind.get());
  one.set_descriptor(CUDNN_ATTR_OPERATION_REDUCTION_XDESC, x);
  one.set_descriptor(CUDNN_ATTR_OPERATION_REDUCTION_YDESC, result);
  operation(one);
}

void CudnnGraph::reshape(Tensor x, Tensor result) {
  CudnnDescriptor& one = keep(CUDNN_BACKEND_OPERATION_RESHAPE_DESCRIPTOR, "a reshape");
  one.set_descriptor(CUDNN_ATTR_OPERATION_RESHAPE_XDESC, x);
  one.set_descriptor(CUDNN_ATTR_OPERATION_RESHAPE_YDESC, result);
  operation(one);
}

std::int64_t CudnnGraph::choose(CudnnDescriptor device) {
  device_ = kept_.emplace_back(std::move(device)).get();
  CudnnDescriptor& graph = keep(CUDNN_BACKEND_OPERATIONGRAPH_DESCRIPTOR, "the graph");
  graph.set(CUDNN_ATTR_OPERATIONGRAPH_OPS, CUDNN_TYPE_BACKEND_DESCRIPTOR, operations_);
  graph.finalize();
  CudnnDescriptor heuristics(CUDNN_BACKEND_ENGINEHEUR_DESCRIPTOR, "the choice of an engine");
  heuristics.set_descriptor(CUDNN_ATTR_ENGINEHEUR_OPERATION_GRAPH, graph.get());
  heuristics.set_one(CUDNN_ATTR_ENGINEHEUR_MODE, CUDNN_TYPE_HEUR_MODE, CUDNN_HEUR_MODE_A);
  heuristics.set_descriptor(CUDNN_ATTR_ENGINEHEUR_DEVICEPROP, device_);
  heuristics.finalize();

  for (std::int64_t i = 0; i < kAsked; ++i)
    engines_.push_back(keep(CUDNN_BACKEND_ENGINECFG_DESCRIPTOR, "an engine").get());
  std::int64_t found = 0;
  check(cudnnBackendGetAttribute(heuristics.get(), CUDNN_ATTR_ENGINEHEUR_RESULTS,
                                 CUDNN_TYPE_BACKEND_DESCRIPTOR, kAsked, &found, engines_.data()),
        "results of the choice of an engine");
  if (found == 0)
    throw Error(ErrorKind::kUnsupported,
                "cuDNN refused: it names no engine for this graph (CUDNN_LOGLEVEL_DBG=2 "
                "CUDNN_LOGDEST_DBG=stderr say why)");
  engines_.resize(static_cast<std::size_t>(found));
  return found;
}

void CudnnGraph::build(cudnnBackendDescriptor_t engine) {
  auto made = std::make_unique<CudnnDescriptor>(CUDNN_BACKEND_EXECUTION_PLAN_DESCRIPTOR, "a plan");
  made->set_descriptor(CUDNN_ATTR_EXECUTION_PLAN_DEVICEPROP, device_);
  made->set_descriptor(CUDNN_ATTR_EXECUTION_PLAN_ENGINE_CONFIG, engine);
  made->finalize();
  check(cudnnBackendGetAttribute(made->get(), CUDNN_ATTR_EXECUTION_PLAN_WORKSPACE_SIZE,
                                 CUDNN_TYPE_INT64, 1, nullptr, &workspace_),
        "workspace of a plan");
  plan_ = std::move(made);
}

void CudnnGraph::plan(CudnnDescriptor device) {
  choose(std::move(device));
  std::string why;
  for (const cudnnBackendDescriptor_t engine : engines_) {
    try {
      return build(engine);
    } catch (const Error& refused) {
      why = refused.what();
    }
  }
  throw Error(ErrorKind::kUnsupported, why);
}

void CudnnGraph::execute(cudnnHandle_t handle, void* workspace) const {
  STEPCAST_CHECK(plan_ != nullptr, "a graph of cuDNN is executed before it is planned");
  CudnnDescriptor pack(CUDNN_BACKEND_VARIANT_PACK_DESCRIPTOR, "the operands");
  pack.set(CUDNN_ATTR_VARIANT_PACK_UNIQUE_IDS, CUDNN_TYPE_INT64, uids_);
  pack.set(CUDNN_ATTR_VARIANT_PACK_DATA_POINTERS, CUDNN_TYPE_VOID_PTR, data_);
  pack.set_one(CUDNN_ATTR_VARIANT_PACK_WORKSPACE, CUDNN_TYPE_VOID_PTR, workspace);
  pack.finalize();
  check(cudnnBackendExecute(handle, plan_->get(), pack.get()), "execute the graph");
}

CudnnHandle::CudnnHandle(const DeviceContext& context) {
  check(cudnnCreate(&handle_), "a handle");
  check(cudnnSetStream(handle_, context.stream()), "the stream of a handle");
}

}  // namespace stepcast::bench
