#include <cmath>

#include "kernels/ops/compression.h"
#include "kernels/ops/each.h"
#include "kernels/ops/reduce.h"

namespace stepcast::cuda {
namespace {

/// Bits of a magnitude that the passes of the search look at: sign aside, 31. The first has all of
/// the exponent and four of the fraction, so that elements of one size meet in many bins.
struct Digit {
  int shift, bits;
};
constexpr Digit kDigits[] = {{19, 12}, {9, 10}, {0, 9}};
constexpr int kMostBins = 1 << 12;
constexpr int kPerThread = 16;  ///< elements of a thread that are on their way together
/// Elements of a block of the last passes, in order: a thread has consecutive ones.
constexpr std::int64_t kChunk = std::int64_t{kThreads} * kPerThread;
static_assert(kChunk < 1 << 16);  // counts of a chunk are halves of a word

/// The magnitude of an element, as an integer of the same order.
__device__ __forceinline__ unsigned magnitude(float x) {
  return static_cast<unsigned>(__float_as_int(x)) & 0x7fffffffU;
}

/// Elements of a thread, of n: packs of N, `step` apart; zeros behind the end. Whole ones are read
/// without a question between, so that they are on their way together.
template <int N>
__device__ __forceinline__ void load_packs(std::int64_t n, const float* x, std::int64_t first,
                                           std::int64_t step, float (&packs)[kPerThread / N][N]) {
  constexpr int kPacks = kPerThread / N;
  if (first + (kPacks - 1) * step + N <= n) {
#pragma unroll
    for (int pack = 0; pack < kPacks; ++pack) load<N>(x + first + pack * step, packs[pack]);
    return;
  }
#pragma unroll
  for (int pack = 0; pack < kPacks; ++pack)
#pragma unroll
    for (int j = 0; j < N; ++j) {
      const std::int64_t i = first + pack * step + j;
      packs[pack][j] = i < n ? x[i] : 0;
    }
}

/// How far the search is: the k-th magnitude begins with the bits of `prefix` above `shift`, and
/// `rest` of those that do are to be taken.
struct Search {
  unsigned prefix;
  unsigned rest;
};

__global__ void __launch_bounds__(kThreads)
    start_kernel(unsigned k, Search* search, unsigned* bins) {
  for (unsigned bin = threadIdx.x; bin < kMostBins; bin += kThreads) bins[bin] = 0;
  if (threadIdx.x == 0) *search = {0, k};
}

/// Counts, by their next bits, magnitudes that begin with the prefix.
template <int N>
__global__ void __launch_bounds__(kThreads)
    count_kernel(std::int64_t n, const float* x, Digit digit, const Search* search,
                 unsigned* bins) {
  __shared__ unsigned own[kMostBins];
  const int count = 1 << digit.bits;
  for (int bin = static_cast<int>(threadIdx.x); bin < count; bin += kThreads) own[bin] = 0;
  __syncthreads();
  const unsigned prefix = search->prefix;
  const int above = digit.shift + digit.bits;
  constexpr int kPacks = kPerThread / N;
  for (std::int64_t start = blockIdx.x * kChunk; start < n; start += gridDim.x * kChunk) {
    float values[kPacks][N];
    const std::int64_t first = start + threadIdx.x * N;
    load_packs(n, x, first, kThreads * N, values);
#pragma unroll
    for (int pack = 0; pack < kPacks; ++pack)
#pragma unroll
      for (int j = 0; j < N; ++j) {
        const unsigned bits = magnitude(values[pack][j]);
        if (first + pack * kThreads * N + j < n && bits >> above == prefix >> above)
          atomicAdd(&own[bits >> digit.shift & (count - 1)], 1U);
      }
  }
  __syncthreads();
  for (int bin = static_cast<int>(threadIdx.x); bin < count; bin += kThreads)
    if (own[bin] != 0) atomicAdd(&bins[bin], own[bin]);
}

/// Finds the bin of the k-th magnitude from above, and clears the bins. A thread has a stretch of
/// them, the first one the highest.
__global__ void __launch_bounds__(kThreads)
    choose_kernel(Digit digit, Search* search, unsigned* bins) {
  __shared__ unsigned of_stretch[kThreads];
  const int count = 1 << digit.bits, stretch = (count + kThreads - 1) / kThreads;
  const int last = count - 1 - static_cast<int>(threadIdx.x) * stretch;
  unsigned sum = 0;
  for (int bin = last; bin > last - stretch && bin >= 0; --bin) sum += bins[bin];
  of_stretch[threadIdx.x] = sum;
  const Search found = *search;
  __syncthreads();
  unsigned before = 0;
  for (unsigned thread = 0; thread < threadIdx.x; ++thread) before += of_stretch[thread];
  const bool mine = before < found.rest && found.rest <= before + sum;
  for (int bin = last; bin > last - stretch && bin >= 0; --bin) {
    if (mine && before < found.rest && found.rest <= before + bins[bin])
      *search = {found.prefix | static_cast<unsigned>(bin) << digit.shift, found.rest - before};
    before += bins[bin];
    bins[bin] = 0;
  }
}

/// Elements above the k-th magnitude, and at it.
struct Counts {
  unsigned above, equal;
};
__device__ __forceinline__ unsigned packed(unsigned above, unsigned equal) {
  return above << 16 | equal;
}
__device__ __forceinline__ Counts unpacked(unsigned counts) {
  return {counts >> 16, counts & 0xffffU};
}

/// What thread `threadIdx.x` of a chunk has, and how much of it is to be counted.
template <int N>
struct Own {
  float values[kPerThread / N][N];
  std::int64_t first;
  __device__ Own(std::int64_t n, const float* x)
      : first(blockIdx.x * kChunk + std::int64_t{threadIdx.x} * kPerThread) {
    load_packs(n, x, first, N, values);
  }
  /// visit(element, value, above, equal)
  template <typename Visit>
  __device__ __forceinline__ void each(std::int64_t n, unsigned kth, Visit visit) const {
#pragma unroll
    for (int j = 0; j < kPerThread; ++j) {
      const float value = values[j / N][j % N];
      const unsigned bits = magnitude(value);
      const bool there = first + j < n;
      visit(first + j, value, there && bits > kth, there && bits == kth);
    }
  }
  __device__ __forceinline__ unsigned counts(std::int64_t n, unsigned kth) const {
    unsigned sum = 0;
    each(n, kth, [&](std::int64_t, float, bool above, bool equal) {
      sum += packed(above ? 1 : 0, equal ? 1 : 0);
    });
    return sum;
  }
};

template <int N>
__global__ void __launch_bounds__(kThreads)
    chunk_kernel(std::int64_t n, const float* x, const Search* search, Counts* counts) {
  const Own<N> own(n, x);
  const unsigned sum = over_block(own.counts(n, search->prefix), Sum{});
  if (threadIdx.x == 0) counts[blockIdx.x] = unpacked(sum);
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

template <int N>
__global__ void __launch_bounds__(kThreads)
    write_kernel(std::int64_t n, const float* x, const Search* search, const Counts* counts,
                 std::int32_t* indices, float* values) {
  const Own<N> own(n, x);
  const Search found = *search;
  const Counts in_block = unpacked(before_thread(own.counts(n, found.prefix)));
  Counts before = counts[blockIdx.x];
  before = {before.above + in_block.above, before.equal + in_block.equal};
  own.each(n, found.prefix, [&](std::int64_t i, float value, bool above, bool equal) {
    const bool taken = equal && before.equal < found.rest;
    if (above || taken) {
      const unsigned at = before.above + (before.equal < found.rest ? before.equal : found.rest);
      indices[at] = static_cast<std::int32_t>(i);
      values[at] = value;
    }
    before.above += above ? 1 : 0;
    before.equal += equal ? 1 : 0;
  });
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
  std::byte* const memory = context.scratch(sizeof(Search) + kMostBins * sizeof(unsigned) +
                                            static_cast<std::size_t>(chunks) * sizeof(Counts));
  auto* const search = reinterpret_cast<Search*>(memory);
  auto* const bins = reinterpret_cast<unsigned*>(search + 1);
  auto* const counts = reinterpret_cast<Counts*>(bins + kMostBins);
  const auto run = [&](auto kernel, std::int64_t blocks, auto... arguments) {
    launch(kernel, dim3(static_cast<unsigned>(blocks)), dim3(kThreads), 0, context.stream(),
           arguments...);
  };
  const bool vectors = aligned(x);
  // Few blocks: each adds its bins to those of all.
  const std::int64_t most = context.facts().multiprocessors * 4;
  run(start_kernel, 1, static_cast<unsigned>(k), search, bins);
  for (const Digit digit : kDigits) {
    run(vectors ? count_kernel<4> : count_kernel<1>, chunks < most ? chunks : most, n, x, digit,
        search, bins);
    run(choose_kernel, 1, digit, search, bins);
  }
  run(vectors ? chunk_kernel<4> : chunk_kernel<1>, chunks, n, x, search, counts);
  run(scan_kernel, 1, chunks, counts);
  run(vectors ? write_kernel<4> : write_kernel<1>, chunks, n, x, search, counts, indices, values);
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
