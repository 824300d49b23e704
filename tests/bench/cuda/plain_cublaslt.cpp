#include "tests/bench/cuda/plain_cublaslt.h"

#include <string>

#include "sim/base/error.h"

namespace stepcast::bench {
namespace {

constexpr std::size_t kWorkspace = 32 << 20;  ///< as ours (kernels/ops/products_cublaslt.cpp)

void check(cublasStatus_t status, const char* call) {
  if (status != CUBLAS_STATUS_SUCCESS)
    throw Error(ErrorKind::kUnsupported,
                std::string("cuBLASLt refused: ") + call + ": " + cublasLtGetStatusString(status));
}

/// cuBLASLt is column-major: a row-major (rows, cols) is its (cols, rows).
cublasLtMatrixLayout_t layout(cudaDataType_t type, std::int64_t rows, std::int64_t cols,
                              std::int32_t count) {
  cublasLtMatrixLayout_t made = nullptr;
  check(cublasLtMatrixLayoutCreate(&made, type, static_cast<std::uint64_t>(cols),
                                   static_cast<std::uint64_t>(rows), cols),
        "cublasLtMatrixLayoutCreate");
  const std::int64_t stride = rows * cols;
  check(cublasLtMatrixLayoutSetAttribute(made, CUBLASLT_MATRIX_LAYOUT_BATCH_COUNT, &count,
                                         sizeof(count)),
        "batch count");
  check(cublasLtMatrixLayoutSetAttribute(made, CUBLASLT_MATRIX_LAYOUT_STRIDED_BATCH_OFFSET, &stride,
                                         sizeof(stride)),
        "batch stride");
  return made;
}

template <typename Value>
void set(cublasLtMatmulDesc_t description, cublasLtMatmulDescAttributes_t name,
         const Value& value) {
  check(cublasLtMatmulDescSetAttribute(description, name, &value, sizeof(value)),
        "cublasLtMatmulDescSetAttribute");
}

}  // namespace

struct PlainCublasLt::State {
  cublasLtHandle_t handle = nullptr;
  cublasLtMatmulDesc_t description = nullptr;
  cublasLtMatrixLayout_t a = nullptr, b = nullptr, c = nullptr;
  cublasLtMatmulAlgo_t kernel{};
  DeviceMemory workspace{kWorkspace};
  StreamHandle stream = nullptr;
  float beta = 0;

  ~State() {
    if (c != nullptr) (void)cublasLtMatrixLayoutDestroy(c);
    if (b != nullptr) (void)cublasLtMatrixLayoutDestroy(b);
    if (a != nullptr) (void)cublasLtMatrixLayoutDestroy(a);
    if (description != nullptr) (void)cublasLtMatmulDescDestroy(description);
    if (handle != nullptr) (void)cublasLtDestroy(handle);
  }
  void describe(const PlainProduct& p);
  void choose();
};

/// c' = op(b)' op(a)': to cuBLASLt our b is the first operand.
void PlainCublasLt::State::describe(const PlainProduct& p) {
  check(cublasLtMatmulDescCreate(&description, p.arithmetic, CUDA_R_32F),
        "cublasLtMatmulDescCreate");
  const auto operation = [](bool transpose) { return transpose ? CUBLAS_OP_T : CUBLAS_OP_N; };
  set(description, CUBLASLT_MATMUL_DESC_TRANSA, operation(p.transpose_b));
  set(description, CUBLASLT_MATMUL_DESC_TRANSB, operation(p.transpose_a));
  set(description, CUBLASLT_MATMUL_DESC_EPILOGUE, p.epilogue);
  if (p.bias != nullptr) {
    set(description, CUBLASLT_MATMUL_DESC_BIAS_POINTER, p.bias);
    set(description, CUBLASLT_MATMUL_DESC_BIAS_DATA_TYPE, p.result);
  }
  a = p.transpose_a ? layout(p.type, p.k, p.m, p.count) : layout(p.type, p.m, p.k, p.count);
  b = p.transpose_b ? layout(p.type, p.n, p.k, p.count) : layout(p.type, p.k, p.n, p.count);
  c = layout(p.result, p.m, p.n, p.count);
}

void PlainCublasLt::State::choose() {
  cublasLtMatmulPreference_t preference = nullptr;
  check(cublasLtMatmulPreferenceCreate(&preference), "cublasLtMatmulPreferenceCreate");
  const std::unique_ptr<std::remove_pointer_t<cublasLtMatmulPreference_t>,
                        decltype(&cublasLtMatmulPreferenceDestroy)>
      owned(preference, cublasLtMatmulPreferenceDestroy);
  check(cublasLtMatmulPreferenceSetAttribute(preference, CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES,
                                             &kWorkspace, sizeof(kWorkspace)),
        "workspace");
  cublasLtMatmulHeuristicResult_t best{};
  int found = 0;
  check(
      cublasLtMatmulAlgoGetHeuristic(handle, description, b, a, c, c, preference, 1, &best, &found),
      "cublasLtMatmulAlgoGetHeuristic");
  if (found == 0) check(CUBLAS_STATUS_NOT_SUPPORTED, "cublasLtMatmulAlgoGetHeuristic");
  kernel = best.algo;
}

PlainCublasLt::PlainCublasLt(const PlainProduct& product, StreamHandle stream)
    : state_(std::make_unique<State>()) {
  state_->stream = stream;
  state_->beta = product.beta;
  check(cublasLtCreate(&state_->handle), "cublasLtCreate");
  state_->describe(product);
  state_->choose();
}

PlainCublasLt::~PlainCublasLt() = default;

void PlainCublasLt::run(const void* a, const void* b, void* c) const {
  const State& s = *state_;
  constexpr float kOne = 1;
  check(cublasLtMatmul(s.handle, s.description, &kOne, b, s.b, a, s.a, &s.beta, c, s.c, c, s.c,
                       &s.kernel, s.workspace.data(), kWorkspace, s.stream),
        "cublasLtMatmul");
}

}  // namespace stepcast::bench
