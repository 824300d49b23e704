// Sums over the rows of a matrix, column by column, without atomics: gradients of biases. Blocks
// sum slices of rows into scratch memory, then the slices are added in order.
#pragma once

#include "kernels/ops/device_context.h"
#include "kernels/ops/pack.h"

namespace stepcast::cuda {

inline constexpr int kColumnsAcross = 32, kColumnsDown = 8;

/// `body.run<N>(row, col, values)` yields what is summed, and may write other results as it goes.
template <int N, typename Body>
__global__ void __launch_bounds__(kColumnsAcross* kColumnsDown)
    column_sums_kernel(std::int64_t rows, std::int64_t cols, Body body, float* partial) {
  __shared__ float sums[kColumnsDown][kColumnsAcross * N];
  const std::int64_t col =
      (static_cast<std::int64_t>(blockIdx.x) * kColumnsAcross + threadIdx.x) * N;
  float mine[N] = {};
  if (col < cols) {
    const std::int64_t step = static_cast<std::int64_t>(gridDim.y) * kColumnsDown;
    for (std::int64_t row = static_cast<std::int64_t>(blockIdx.y) * kColumnsDown + threadIdx.y;
         row < rows; row += step) {
      float values[N];
      body.template run<N>(row, col, values);
#pragma unroll
      for (int i = 0; i < N; ++i) mine[i] += values[i];
    }
  }
#pragma unroll
  for (int i = 0; i < N; ++i) sums[threadIdx.y][threadIdx.x * N + i] = mine[i];
  __syncthreads();
  const int thread = static_cast<int>(threadIdx.y) * kColumnsAcross + static_cast<int>(threadIdx.x);
  const std::int64_t at = static_cast<std::int64_t>(blockIdx.x) * kColumnsAcross * N + thread;
  if (thread >= kColumnsAcross * N || at >= cols) return;
  float sum = 0;
  for (int row = 0; row < kColumnsDown; ++row) sum += sums[row][thread];
  partial[blockIdx.y * cols + at] = sum;
}

/// sums (cols) += the sums over the rows of partial, `stride` apart.
void add_slices(std::int64_t slices, std::int64_t cols, std::int64_t stride, const float* partial,
                float* sums, StreamHandle stream);

/// Adds to sums (cols). N together where rows begin at multiples of 16 bytes.
template <int N, typename Body>
void add_column_sums_of(std::int64_t rows, std::int64_t cols, bool vectors, Body body, float* sums,
                        DeviceContext& context) {
  if (rows == 0 || cols == 0) return;
  const auto run = [&]<int kWidth>(auto kernel) {
    const std::int64_t tiles = (cols + kColumnsAcross * kWidth - 1) / (kColumnsAcross * kWidth);
    // Enough blocks for all multiprocessors, and slices long enough that their sums are few.
    const std::int64_t wanted = (context.facts().multiprocessors * 8 + tiles - 1) / tiles;
    const std::int64_t most = (rows + 4 * kColumnsDown - 1) / (4 * kColumnsDown);
    const std::int64_t slices = wanted < most ? wanted : most;
    float* partial = context.scratch_floats(slices * cols);
    launch(kernel, dim3(static_cast<unsigned>(tiles), static_cast<unsigned>(slices)),
           dim3(kColumnsAcross, kColumnsDown), 0, context.stream(), rows, cols, body, partial);
    add_slices(slices, cols, cols, partial, sums, context.stream());
  };
  if (vectors && cols % N == 0)
    run.template operator()<N>(column_sums_kernel<N, Body>);
  else
    run.template operator()<1>(column_sums_kernel<1, Body>);
}

}  // namespace stepcast::cuda
