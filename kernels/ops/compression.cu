#include <cmath>

#include "kernels/ops/compression.h"
#include "kernels/ops/each.h"
#include "kernels/ops/reduce.h"

namespace stepcast::cuda {
namespace {

constexpr int kBins = 256;
constexpr std::int64_t kChunk = 4096;  ///< elements of a block of the last passes, in order
static_assert(kThreads == kBins);

/// The magnitude of an element, as an integer of the same order.
__device__ __forceinline__ unsigned magnitude(float x) {
  return static_cast<unsigned>(__float_as_int(x)) & 0x7fffffffU;
}

/// How far the search is: the k-th magnitude begins with the bits of `prefix` above `shift`, and
/// `rest` of those that do are to be taken.
struct Search {
  unsigned prefix;
  unsigned rest;
};

__global__ void __launch_bounds__(kThreads)
    start_kernel(unsigned k, Search* search, unsigned* bins) {
  bins[threadIdx.x] = 0;
  if (threadIdx.x == 0) *search = {0, k};
}

/// Counts, by their next eight bits, magnitudes that begin with the prefix.
__global__ void __launch_bounds__(kThreads)
    count_kernel(std::int64_t n, const float* x, int shift, const Search* search, unsigned* bins) {
  __shared__ unsigned own[kBins];
  own[threadIdx.x] = 0;
  __syncthreads();
  const unsigned prefix = search->prefix;
  const std::int64_t step = static_cast<std::int64_t>(gridDim.x) * kThreads;
  for (std::int64_t i = static_cast<std::int64_t>(blockIdx.x) * kThreads + threadIdx.x; i < n;
       i += step) {
    const unsigned bits = magnitude(x[i]);
    if (shift == 24 || bits >> (shift + 8) == prefix >> (shift + 8))
      atomicAdd(&own[bits >> shift & (kBins - 1)], 1U);
  }
  __syncthreads();
  if (own[threadIdx.x] != 0) atomicAdd(&bins[threadIdx.x], own[threadIdx.x]);
}

/// Finds the bin of the k-th magnitude from above, and clears the bins.
__global__ void __launch_bounds__(kThreads)
    choose_kernel(int shift, Search* search, unsigned* bins) {
  if (threadIdx.x == 0) {
    unsigned rest = search->rest;
    int bin = kBins - 1;
    for (; bin > 0 && bins[bin] < rest; --bin) rest -= bins[bin];
    *search = {search->prefix | static_cast<unsigned>(bin) << shift, rest};
  }
  __syncthreads();
  bins[threadIdx.x] = 0;
}

/// Elements above the k-th magnitude, and at it.
struct Counts {
  unsigned above, equal;
};

__global__ void __launch_bounds__(kThreads)
    chunk_kernel(std::int64_t n, const float* x, const Search* search, Counts* counts) {
  const unsigned prefix = search->prefix;
  const std::int64_t first = blockIdx.x * kChunk;
  unsigned above = 0, equal = 0;
  for (std::int64_t i = first + threadIdx.x; i < first + kChunk && i < n; i += kThreads) {
    const unsigned bits = magnitude(x[i]);
    above += bits > prefix ? 1 : 0;
    equal += bits == prefix ? 1 : 0;
  }
  above = over_block(above, Sum{});
  equal = over_block(equal, Sum{});
  if (threadIdx.x == 0) counts[blockIdx.x] = {above, equal};
}

/// Counts become those of all chunks before. A thread takes a stretch of chunks.
__global__ void __launch_bounds__(kThreads) scan_kernel(std::int64_t chunks, Counts* counts) {
  __shared__ Counts of_stretch[kThreads];
  const std::int64_t stretch = (chunks + kThreads - 1) / kThreads;
  const std::int64_t first = threadIdx.x * stretch;
  const std::int64_t last = first + stretch < chunks ? first + stretch : chunks;
  Counts sum{0, 0};
  for (std::int64_t i = first; i < last; ++i)
    sum = {sum.above + counts[i].above, sum.equal + counts[i].equal};
  of_stretch[threadIdx.x] = sum;
  __syncthreads();
  Counts before{0, 0};
  for (unsigned thread = 0; thread < threadIdx.x; ++thread)
    before = {before.above + of_stretch[thread].above, before.equal + of_stretch[thread].equal};
  for (std::int64_t i = first; i < last; ++i) {
    const Counts here = counts[i];
    counts[i] = before;
    before = {before.above + here.above, before.equal + here.equal};
  }
}

/// Lanes before this one whose bit is set.
__device__ __forceinline__ unsigned before_lane(unsigned lanes) {
  return static_cast<unsigned>(__popc(lanes & ((1U << (threadIdx.x % kWarp)) - 1)));
}

__global__ void __launch_bounds__(kThreads)
    write_kernel(std::int64_t n, const float* x, const Search* search, const Counts* counts,
                 std::int32_t* indices, float* values) {
  __shared__ Counts of_warp[kThreads / kWarp];
  const Search found = *search;
  Counts before = counts[blockIdx.x];
  const std::int64_t first = blockIdx.x * kChunk;
  const unsigned warp = threadIdx.x / kWarp;
  for (std::int64_t start = first; start < first + kChunk && start < n; start += kThreads) {
    const std::int64_t i = start + threadIdx.x;
    const unsigned bits = i < n ? magnitude(x[i]) : 0;
    const bool above = i < n && bits > found.prefix, equal = i < n && bits == found.prefix;
    const unsigned all_above = __ballot_sync(kAllLanes, above);
    const unsigned all_equal = __ballot_sync(kAllLanes, equal);
    if (threadIdx.x % kWarp == 0)
      of_warp[warp] = {static_cast<unsigned>(__popc(all_above)),
                       static_cast<unsigned>(__popc(all_equal))};
    __syncthreads();
    Counts mine = before;
    for (unsigned w = 0; w < kThreads / kWarp; ++w) {
      if (w < warp) mine = {mine.above + of_warp[w].above, mine.equal + of_warp[w].equal};
      before = {before.above + of_warp[w].above, before.equal + of_warp[w].equal};
    }
    mine.above += before_lane(all_above);
    mine.equal += before_lane(all_equal);
    if (above || (equal && mine.equal < found.rest)) {
      const unsigned at = mine.above + (mine.equal < found.rest ? mine.equal : found.rest);
      indices[at] = static_cast<std::int32_t>(i);
      values[at] = x[i];
    }
    __syncthreads();
  }
}

struct SparseBody {
  const std::int32_t* indices;
  const float* values;
  float* x;
  __device__ void operator()(std::int64_t i) const { x[indices[i]] += values[i]; }
};

/// A warp per block of elements that share a scale.
template <int N>
__global__ void __launch_bounds__(kThreads)
    quantize_kernel(QuantizeShape shape, const float* x, std::int8_t* q, float* scales) {
  const std::int64_t block =
      static_cast<std::int64_t>(blockIdx.x) * (kThreads / kWarp) + threadIdx.x / kWarp;
  const std::int64_t first = block * shape.block;
  const std::int64_t last = first + shape.block < shape.n ? first + shape.block : shape.n;
  const std::int64_t own = first + static_cast<std::int64_t>(threadIdx.x % kWarp) * N;
  float largest = 0;
  for (std::int64_t i = own; i < last; i += kWarp * N) {
    float values[N];
    load<N>(x + i, values);
    for (int j = 0; j < N; ++j) largest = fmaxf(largest, fabsf(values[j]));
  }
  largest = over_warp(largest, Largest{});
  const float inverse = largest > 0 ? 127 / largest : 0;
  for (std::int64_t i = own; i < last; i += kWarp * N) {
    float values[N];
    load<N>(x + i, values);
    Pack<std::int8_t, N> pack;
    for (int j = 0; j < N; ++j)
      pack.elements[j] = static_cast<std::int8_t>(static_cast<int>(rintf(values[j] * inverse)));
    *reinterpret_cast<Pack<std::int8_t, N>*>(q + i) = pack;
  }
  if (first < last && threadIdx.x % kWarp == 0) scales[block] = largest / 127;
}

struct DequantizeBody {
  unsigned block;
  const std::int8_t* q;
  const float* scales;
  float* x;
  template <int N>
  __device__ void run(std::int64_t i) const {
    const Pack<std::int8_t, N> pack = *reinterpret_cast<const Pack<std::int8_t, N>*>(q + i);
    float values[N];
    for (int j = 0; j < N; ++j)
      values[j] =
          scales[static_cast<unsigned>(i + j) / block] * static_cast<float>(pack.elements[j]);
    save<N>(x + i, values);
  }
};

}  // namespace

void top_k(std::int64_t n, std::int64_t k, const float* x, std::int32_t* indices, float* values,
           DeviceContext& context) {
  if (k == 0) return;
  const std::int64_t chunks = (n + kChunk - 1) / kChunk;
  std::byte* const memory = context.scratch(sizeof(Search) + kBins * sizeof(unsigned) +
                                            static_cast<std::size_t>(chunks) * sizeof(Counts));
  auto* const search = reinterpret_cast<Search*>(memory);
  auto* const bins = reinterpret_cast<unsigned*>(search + 1);
  auto* const counts = reinterpret_cast<Counts*>(bins + kBins);
  const auto run = [&](auto kernel, std::int64_t blocks, auto... arguments) {
    launch(kernel, dim3(static_cast<unsigned>(blocks)), dim3(kThreads), 0, context.stream(),
           arguments...);
  };
  const std::int64_t most = context.facts().multiprocessors * 8;
  const std::int64_t wanted = (n + kThreads - 1) / kThreads;
  run(start_kernel, 1, static_cast<unsigned>(k), search, bins);
  for (int shift = 24; shift >= 0; shift -= 8) {
    run(count_kernel, wanted < most ? wanted : most, n, x, shift, search, bins);
    run(choose_kernel, 1, shift, search, bins);
  }
  run(chunk_kernel, chunks, n, x, search, counts);
  run(scan_kernel, 1, chunks, counts);
  run(write_kernel, chunks, n, x, search, counts, indices, values);
}

void add_sparse(std::int64_t k, const std::int32_t* indices, const float* values, float* x,
                DeviceContext& context) {
  each(k, SparseBody{indices, values, x}, context.stream());
}

void quantize(const QuantizeShape& shape, const float* x, std::int8_t* q, float* scales,
              DeviceContext& context) {
  const bool vectors = aligned(x) && aligned(q) && shape.block % 4 == 0 && shape.n % 4 == 0;
  constexpr std::int64_t kWarps = kThreads / kWarp;
  launch(vectors ? quantize_kernel<4> : quantize_kernel<1>,
         dim3(static_cast<unsigned>((shape.blocks() + kWarps - 1) / kWarps)), dim3(kThreads), 0,
         context.stream(), shape, x, q, scales);
}

void dequantize(const QuantizeShape& shape, const std::int8_t* q, const float* scales, float* x,
                DeviceContext& context) {
  each_element<4>(shape.n, aligned(q) && aligned(x),
                  DequantizeBody{static_cast<unsigned>(shape.block), q, scales, x},
                  context.stream());
}

}  // namespace stepcast::cuda
