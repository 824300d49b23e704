// Kernels that treat elements one by one: what is done to a pack is a small struct with operator(),
// started over flat arrays or over rows.
#pragma once

#include "kernels/ops/pack.h"

namespace stepcast::cuda {

inline constexpr int kThreads = 256;

/// Four blocks and more of a multiprocessor: left to itself, the compiler spills a few registers of
/// the larger bodies so that it has five or eight.
template <typename Body>
__global__ void __launch_bounds__(kThreads, 4) each_kernel(std::int64_t count, Body body) {
  const std::int64_t step = static_cast<std::int64_t>(gridDim.x) * kThreads;
  for (std::int64_t i = static_cast<std::int64_t>(blockIdx.x) * kThreads + threadIdx.x; i < count;
       i += step)
    body(i);
}

/// body(i) for i = 0 .. count - 1, a thread each.
template <typename Body>
void each(std::int64_t count, Body body, StreamHandle stream) {
  constexpr std::int64_t kMostBlocks = 0x7fffffff;
  const std::int64_t blocks = (count + kThreads - 1) / kThreads;
  launch(each_kernel<Body>,
         dim3(static_cast<unsigned>(blocks < kMostBlocks ? blocks : kMostBlocks)), dim3(kThreads),
         0, stream, count, body);
}

/// Packs of a flat array: body.run<N>(i) treats elements i .. i + N - 1.
template <int N, typename Body>
struct FlatPacks {
  std::int64_t n;
  Body body;
  __device__ void operator()(std::int64_t pack) const {
    const std::int64_t first = pack * N;
    if (first + N <= n) return body.template run<N>(first);
    for (std::int64_t i = first; i < n; ++i) body.template run<1>(i);
  }
};

/// body over n elements, N together where all arrays begin at multiples of 16 bytes.
template <int N, typename Body>
void each_element(std::int64_t n, bool vectors, Body body, StreamHandle stream) {
  if (vectors)
    each((n + N - 1) / N, FlatPacks<N, Body>{n, body}, stream);
  else
    each(n, FlatPacks<1, Body>{n, body}, stream);
}

template <int N, typename Body>
__global__ void __launch_bounds__(kThreads)
    rows_kernel(std::int64_t rows, std::int64_t cols, Body body) {
  const std::int64_t col = (static_cast<std::int64_t>(blockIdx.x) * blockDim.x + threadIdx.x) * N;
  if (col >= cols) return;
  const std::int64_t step = static_cast<std::int64_t>(gridDim.y) * blockDim.y;
  for (std::int64_t row = static_cast<std::int64_t>(blockIdx.y) * blockDim.y + threadIdx.y;
       row < rows; row += step)
    body.template run<N>(row, col);
}

template <int N, typename Body>
void each_pack_of_rows(std::int64_t rows, std::int64_t cols, Body body, StreamHandle stream) {
  const std::int64_t packs = (cols + N - 1) / N;
  unsigned across = 1;
  while (across < packs && across < kThreads) across *= 2;
  const unsigned down = kThreads / across;
  constexpr std::int64_t kMostRows = 65535;
  const std::int64_t blocks_down = (rows + down - 1) / down;
  launch(rows_kernel<N, Body>,
         dim3(static_cast<unsigned>((packs + across - 1) / across),
              static_cast<unsigned>(blocks_down < kMostRows ? blocks_down : kMostRows)),
         dim3(across, down), 0, stream, rows, cols, body);
}

/// body.run<N>(row, col) treats columns col .. col + N - 1 of a row; N together where the rows of
/// all arrays begin at multiples of 16 bytes and cols is a multiple of N.
template <int N, typename Body>
void each_in_rows(std::int64_t rows, std::int64_t cols, bool vectors, Body body,
                  StreamHandle stream) {
  if (vectors && cols % N == 0)
    each_pack_of_rows<N>(rows, cols, body, stream);
  else
    each_pack_of_rows<1>(rows, cols, body, stream);
}

}  // namespace stepcast::cuda
