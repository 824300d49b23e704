// Graphs of cuDNN's backend API: tensors and operations go in, cuDNN names an engine that runs them
// as one kernel or a few, and the graph is executed on memory. What cuDNN is asked when it is made
// needs no GPU, only the properties of one.
#pragma once

#include <cudnn.h>

#include <array>
#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "kernels/ops/device_context.h"

namespace stepcast::bench {

/// A descriptor of the backend API. Every call throws Error(kUnsupported) with `what` it was about,
/// and cuDNN's own words, when cuDNN refuses it.
class CudnnDescriptor {
 public:
  CudnnDescriptor(cudnnBackendDescriptorType_t type, std::string what);

  template <typename T>
  void set(cudnnBackendAttributeName_t name, cudnnBackendAttributeType_t type,
           const std::vector<T>& values) {
    set_raw(name, type, static_cast<std::int64_t>(values.size()), values.data());
  }
  template <typename T>
  void set_one(cudnnBackendAttributeName_t name, cudnnBackendAttributeType_t type, T value) {
    set_raw(name, type, 1, &value);
  }
  void set_descriptor(cudnnBackendAttributeName_t name, cudnnBackendDescriptor_t value) {
    set_one(name, CUDNN_TYPE_BACKEND_DESCRIPTOR, value);
  }
  void finalize();
  cudnnBackendDescriptor_t get() const { return owned_.get(); }
  const std::string& what() const { return what_; }

 private:
  struct Destroy {
    void operator()(cudnnBackendDescriptor_t one) const {
      (void)cudnnBackendDestroyDescriptor(one);
    }
  };
  void set_raw(cudnnBackendAttributeName_t name, cudnnBackendAttributeType_t type,
               std::int64_t count, const void* values);

  std::unique_ptr<std::remove_pointer_t<cudnnBackendDescriptor_t>, Destroy> owned_;
  std::string what_;
};

/// What cuDNN knows of the device that runs a graph: of the current one, or as `json` says, in the
/// spelling of CUDNN_ATTR_DEVICEPROP_JSON_REPRESENTATION.
CudnnDescriptor properties_of_device();
CudnnDescriptor properties_from_json(const std::string& json);

class CudnnGraph {
 public:
  using Four = std::array<std::int64_t, 4>;
  using Tensor = cudnnBackendDescriptor_t;  ///< owned by the graph

  /// A tensor in device memory, aligned to 16 bytes; `data` may be null where nothing is executed.
  Tensor memory(const std::string& name, const Four& dims, const Four& strides,
                cudnnDataType_t type, const void* data);
  /// A number that is handed over at execution.
  Tensor number(const std::string& name, float value);
  /// A result that only other operations read, row-major.
  Tensor between(const std::string& name, const Four& dims,
                 cudnnDataType_t type = CUDNN_DATA_FLOAT);
  Tensor between(const std::string& name, const Four& dims, const Four& strides,
                 cudnnDataType_t type);

  void matmul(Tensor a, Tensor b, Tensor result);
  /// result = mode(x, b); b is null where the mode takes one operand.
  void pointwise(cudnnPointwiseMode_t mode, Tensor x, Tensor b, Tensor result,
                 cudnnDataType_t arithmetic = CUDNN_DATA_FLOAT);
  /// result = the number of each element's row (axis 2) or column (axis 3) in x.
  void index(std::int64_t axis, Tensor x, Tensor result);
  /// result = mask ? x : other.
  void select(Tensor x, Tensor other, Tensor mask, Tensor result);
  void reduce(cudnnReduceTensorOp_t op, Tensor x, Tensor result);
  void reshape(Tensor x, Tensor result);

  /// Asks cuDNN's heuristics for engines that run this graph on `device`: how many there are.
  /// Throws Error(kUnsupported) when there is none. Needs the driver's library, but no GPU.
  std::int64_t choose(CudnnDescriptor device);
  /// Chooses, and builds the first of the engines that can be built. Throws Error(kUnsupported)
  /// with cuDNN's words when none can.
  void plan(CudnnDescriptor device);
  std::size_t workspace_bytes() const { return static_cast<std::size_t>(workspace_); }

  /// Issues the planned graph to the stream of `handle`. The workspace has workspace_bytes().
  void execute(cudnnHandle_t handle, void* workspace) const;

 private:
  Tensor tensor(const std::string& name, const Four& dims, const Four& strides,
                cudnnDataType_t type, bool is_virtual, bool by_value);
  CudnnDescriptor& keep(cudnnBackendDescriptorType_t type, const std::string& what);
  void operation(CudnnDescriptor& one);
  CudnnDescriptor& pointwise_of(cudnnPointwiseMode_t mode, cudnnDataType_t arithmetic);
  void build(cudnnBackendDescriptor_t engine);

  std::deque<CudnnDescriptor> kept_;
  std::vector<cudnnBackendDescriptor_t> operations_;
  std::deque<float> numbers_;
  std::vector<std::int64_t> uids_;  ///< of memory and numbers, beside
  std::vector<void*> data_;         ///< where they lie
  std::int64_t last_uid_ = 0;
  std::int64_t workspace_ = 0;
  cudnnBackendDescriptor_t device_ = nullptr;  ///< both owned by kept_
  std::vector<cudnnBackendDescriptor_t> engines_;
  std::unique_ptr<CudnnDescriptor> plan_;
};

/// cuDNN's handle of the context's stream: context.library<CudnnHandle>().
class CudnnHandle {
 public:
  explicit CudnnHandle(const DeviceContext& context);
  ~CudnnHandle() { (void)cudnnDestroy(handle_); }
  CudnnHandle(const CudnnHandle&) = delete;
  CudnnHandle& operator=(const CudnnHandle&) = delete;
  cudnnHandle_t get() const { return handle_; }

 private:
  cudnnHandle_t handle_ = nullptr;
};

}  // namespace stepcast::bench
