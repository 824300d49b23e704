#include <cublasLt.h>

#include <map>
#include <string>

#include "kernels/cuda/check.h"
#include "kernels/ops/products.h"
#include "sim/base/error.h"

namespace stepcast::cuda {
namespace {

void check(cublasStatus_t status, const CallPlace& place = CallPlace::current()) {
  check_library(status == CUBLAS_STATUS_SUCCESS, "cuBLASLt", cublasLtGetStatusString(status),
                place);
}

cudaDataType_t type_of(LtType type) {
  switch (type) {
    case LtType::kFp32:
      return CUDA_R_32F;
    case LtType::kFp16:
      return CUDA_R_16F;
    case LtType::kBf16:
      return CUDA_R_16BF;
    case LtType::kE4m3:
      return CUDA_R_8F_E4M3;
    case LtType::kE5m2:
      return CUDA_R_8F_E5M2;
  }
  return CUDA_R_32F;
}

cublasLtEpilogue_t epilogue_of(const LtArguments& arguments) {
  switch (arguments.epilogue) {
    case Epilogue::kNone:
      return CUBLASLT_EPILOGUE_DEFAULT;
    case Epilogue::kBias:
      return CUBLASLT_EPILOGUE_BIAS;
    case Epilogue::kGelu:
      return arguments.keeps_before_gelu ? CUBLASLT_EPILOGUE_GELU_AUX : CUBLASLT_EPILOGUE_GELU;
    case Epilogue::kBiasGelu:
      return arguments.keeps_before_gelu ? CUBLASLT_EPILOGUE_GELU_AUX_BIAS
                                         : CUBLASLT_EPILOGUE_GELU_BIAS;
  }
  return CUBLASLT_EPILOGUE_DEFAULT;
}

/// Owners of cuBLASLt's descriptors.
template <typename Handle, cublasStatus_t (*kDestroy)(Handle)>
class Owned {
 public:
  Owned() = default;
  ~Owned() {
    if (handle_ != nullptr) (void)kDestroy(handle_);
  }
  Owned(const Owned&) = delete;
  Owned& operator=(const Owned&) = delete;
  Handle* out() { return &handle_; }
  Handle get() const { return handle_; }

 private:
  Handle handle_ = nullptr;
};
using Description = Owned<cublasLtMatmulDesc_t, cublasLtMatmulDescDestroy>;
using MatrixLayout = Owned<cublasLtMatrixLayout_t, cublasLtMatrixLayoutDestroy>;
using Preference = Owned<cublasLtMatmulPreference_t, cublasLtMatmulPreferenceDestroy>;

template <typename Value>
void set(Description& description, cublasLtMatmulDescAttributes_t attribute, const Value& value) {
  check(cublasLtMatmulDescSetAttribute(description.get(), attribute, &value, sizeof(value)));
}

template <typename Value>
void set(MatrixLayout& layout, cublasLtMatrixLayoutAttribute_t attribute, const Value& value) {
  check(cublasLtMatrixLayoutSetAttribute(layout.get(), attribute, &value, sizeof(value)));
}

template <typename Value>
void set(Preference& preference, cublasLtMatmulPreferenceAttributes_t attribute,
         const Value& value) {
  check(cublasLtMatmulPreferenceSetAttribute(preference.get(), attribute, &value, sizeof(value)));
}

void make(MatrixLayout& layout, const LtMatrix& matrix, std::int64_t count) {
  check(cublasLtMatrixLayoutCreate(layout.out(), type_of(matrix.type),
                                   static_cast<std::uint64_t>(matrix.rows),
                                   static_cast<std::uint64_t>(matrix.columns), matrix.leading));
  set(layout, CUBLASLT_MATRIX_LAYOUT_BATCH_COUNT, static_cast<std::int32_t>(count));
  set(layout, CUBLASLT_MATRIX_LAYOUT_STRIDED_BATCH_OFFSET, matrix.stride);
}

/// Of current GPUs [cuBLAS documentation, cublasSetWorkspace(): 32 MiB on Hopper, less before].
constexpr std::size_t kWorkspace = 32 << 20;

/// A product that cuBLASLt has been asked about.
struct Plan {
  Description description;
  MatrixLayout a, b, c;
  cublasLtMatmulAlgo_t kernel{};

  Plan(cublasLtHandle_t handle, const LtArguments& arguments);
  void describe(const LtArguments& arguments);
};

void Plan::describe(const LtArguments& arguments) {
  check(cublasLtMatmulDescCreate(description.out(),
                                 arguments.tf32 ? CUBLAS_COMPUTE_32F_FAST_TF32 : CUBLAS_COMPUTE_32F,
                                 CUDA_R_32F));
  const auto operation = [](bool transpose) { return transpose ? CUBLAS_OP_T : CUBLAS_OP_N; };
  set(description, CUBLASLT_MATMUL_DESC_TRANSA, operation(arguments.a.transpose));
  set(description, CUBLASLT_MATMUL_DESC_TRANSB, operation(arguments.b.transpose));
  set(description, CUBLASLT_MATMUL_DESC_EPILOGUE, epilogue_of(arguments));
  const cudaDataType_t type = type_of(arguments.c.type);
  if (arguments.epilogue == Epilogue::kBias || arguments.epilogue == Epilogue::kBiasGelu)
    set(description, CUBLASLT_MATMUL_DESC_BIAS_DATA_TYPE, type);
  if (arguments.keeps_before_gelu) {
    set(description, CUBLASLT_MATMUL_DESC_EPILOGUE_AUX_LD, arguments.c.leading);
    set(description, CUBLASLT_MATMUL_DESC_EPILOGUE_AUX_DATA_TYPE, type);
  }
}

Plan::Plan(cublasLtHandle_t handle, const LtArguments& arguments) {
  describe(arguments);
  make(a, arguments.a, arguments.count);
  make(b, arguments.b, arguments.count);
  make(c, arguments.c, arguments.count);
  Preference preference;
  check(cublasLtMatmulPreferenceCreate(preference.out()));
  set(preference, CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES, kWorkspace);
  set(preference, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_A_BYTES, arguments.alignment[0]);
  set(preference, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_B_BYTES, arguments.alignment[1]);
  set(preference, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_C_BYTES, arguments.alignment[2]);
  set(preference, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_D_BYTES, arguments.alignment[2]);
  cublasLtMatmulHeuristicResult_t best{};
  int found = 0;
  const cublasStatus_t status =
      cublasLtMatmulAlgoGetHeuristic(handle, description.get(), a.get(), b.get(), c.get(), c.get(),
                                     preference.get(), 1, &best, &found);
  if (status != CUBLAS_STATUS_NOT_SUPPORTED) check(status);
  if (found == 0)
    throw Error(ErrorKind::kUnsupported, "cuBLASLt has no kernel on this GPU for a product of " +
                                             std::to_string(arguments.c.columns) + " x " +
                                             std::to_string(arguments.c.rows) + " results with " +
                                             std::to_string(size_of(arguments.a.type)) +
                                             "-byte operands");
  kernel = best.algo;
}

}  // namespace

struct Products::State {
  StreamHandle stream = nullptr;
  DeviceMemory workspace{kWorkspace};
  Owned<cublasLtHandle_t, cublasLtDestroy> handle;
  std::map<LtArguments, Plan> plans;
};

Products::Products(DeviceContext& context) : state_(std::make_unique<State>()) {
  state_->stream = context.stream();
  check(cublasLtCreate(state_->handle.out()));
}

Products::~Products() = default;

void Products::run(const LtArguments& arguments, const LtPointers& pointers) {
  const cublasLtHandle_t handle = state_->handle.get();
  Plan& plan = state_->plans.try_emplace(arguments, handle, arguments).first->second;
  if (pointers.bias != nullptr)
    set(plan.description, CUBLASLT_MATMUL_DESC_BIAS_POINTER, pointers.bias);
  if (pointers.before_gelu != nullptr)
    set(plan.description, CUBLASLT_MATMUL_DESC_EPILOGUE_AUX_POINTER, pointers.before_gelu);
  if (arguments.scaled) {
    set(plan.description, CUBLASLT_MATMUL_DESC_A_SCALE_POINTER, pointers.scale_a);
    set(plan.description, CUBLASLT_MATMUL_DESC_B_SCALE_POINTER, pointers.scale_b);
  }
  check(cublasLtMatmul(handle, plan.description.get(), &pointers.alpha, pointers.a, plan.a.get(),
                       pointers.b, plan.b.get(), &pointers.beta, pointers.c, plan.c.get(),
                       pointers.c, plan.c.get(), &plan.kernel, state_->workspace.data(), kWorkspace,
                       state_->stream));
}

}  // namespace stepcast::cuda
