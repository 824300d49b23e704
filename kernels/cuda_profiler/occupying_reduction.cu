#include "kernels/cuda_profiler/occupying_reduction.h"
#include "kernels/ops/launch.h"

namespace stepcast::cuda {
namespace {

constexpr int kReducingThreads = 512;  // of a channel of NCCL's LL128 and Simple kernels

struct alignas(16) Four {
  float x[4];
};

template <bool kAdds>
__global__ void __launch_bounds__(kReducingThreads)
    pass_kernel(std::int64_t fours, const Four* x, Four* y, int passes) {
  const std::int64_t step = static_cast<std::int64_t>(gridDim.x) * kReducingThreads;
  for (int pass = 0; pass < passes; ++pass)
    for (std::int64_t i = static_cast<std::int64_t>(blockIdx.x) * kReducingThreads + threadIdx.x;
         i < fours; i += step) {
      Four result = x[i];
      if (kAdds) {
        const Four sum = y[i];
        for (int e = 0; e < 4; ++e) result.x[e] += sum.x[e];
      }
      y[i] = result;
    }
}

template <bool kAdds>
void occupy(int blocks, std::int64_t n, const float* x, float* y, int passes, std::size_t shared,
            StreamHandle stream) {
  launch(pass_kernel<kAdds>, dim3(static_cast<unsigned>(blocks)), dim3(kReducingThreads), shared,
         stream, n / 4, reinterpret_cast<const Four*>(x), reinterpret_cast<Four*>(y), passes);
}

}  // namespace

void occupying_reduction(int blocks, std::int64_t n, const float* x, float* y, int passes,
                         std::size_t shared, StreamHandle stream) {
  occupy<true>(blocks, n, x, y, passes, shared, stream);
}

void occupying_copy(int blocks, std::int64_t n, const float* x, float* y, int passes,
                    std::size_t shared, StreamHandle stream) {
  occupy<false>(blocks, n, x, y, passes, shared, stream);
}

}  // namespace stepcast::cuda
