#include "kernels/ops/columns.h"
#include "kernels/ops/each.h"
#include "kernels/ops/elementwise.h"

namespace stepcast::cuda {
namespace {

template <typename To, typename From>
struct CopyBody {
  const From* from;
  To* to;
  std::int64_t from_stride, to_stride;
  bool add;

  template <int N>
  __device__ void run(std::int64_t row, std::int64_t col) const {
    float values[N];
    load<N>(from + row * from_stride + col, values);
    To* const at = to + row * to_stride + col;
    if (add) {
      float old[N];
      load<N>(at, old);
      for (int i = 0; i < N; ++i) values[i] += old[i];
    }
    save<N>(at, values);
  }
  template <int N>
  __device__ void run(std::int64_t i) const {
    run<N>(0, i);
  }
};

template <typename T>
struct AddBody {
  const T *a, *b;
  T* y;
  template <int N>
  __device__ void run(std::int64_t i) const {
    float left[N], right[N];
    load<N>(a + i, left);
    load<N>(b + i, right);
    for (int j = 0; j < N; ++j) left[j] += right[j];
    save<N>(y + i, left);
  }
};

template <typename T>
struct ScaleBody {
  float factor;
  const float* device_factor;
  const T* x;
  T* y;
  template <int N>
  __device__ void run(std::int64_t i) const {
    const float by = device_factor != nullptr ? factor * *device_factor : factor;
    float values[N];
    load<N>(x + i, values);
    for (int j = 0; j < N; ++j) values[j] *= by;
    save<N>(y + i, values);
  }
};

template <typename T>
struct ClearBody {
  T* x;
  std::int64_t stride;
  template <int N>
  __device__ void run(std::int64_t row, std::int64_t col) const {
    const float zeros[N] = {};
    save<N>(x + row * stride + col, zeros);
  }
};

struct FillBody {
  std::uint8_t* to;
  std::uint8_t value;
  template <int N>
  __device__ void run(std::int64_t i) const {
    Pack<std::uint8_t, N> pack;
    for (int j = 0; j < N; ++j) pack.elements[j] = value;
    *reinterpret_cast<Pack<std::uint8_t, N>*>(to + i) = pack;
  }
};

template <typename T>
struct ColumnBody {
  const T* x;
  std::int64_t stride;
  template <int N>
  __device__ void run(std::int64_t row, std::int64_t col, float (&values)[N]) const {
    load<N>(x + row * stride + col, values);
  }
};

/// Warps of a block that adds slices: so many that none waits for more than a few.
constexpr int kSlicesDown = 32;

/// A block per 32 columns: each warp sums every 32nd slice, then their sums are added in order.
__global__ void __launch_bounds__(kColumnsAcross* kSlicesDown)
    slices_kernel(std::int64_t slices, std::int64_t cols, std::int64_t stride, const float* partial,
                  float* sums) {
  __shared__ float of_row[kSlicesDown][kColumnsAcross];
  const std::int64_t col = static_cast<std::int64_t>(blockIdx.x) * kColumnsAcross + threadIdx.x;
  float sum = 0;
  if (col < cols)
    for (std::int64_t slice = threadIdx.y; slice < slices; slice += kSlicesDown)
      sum += partial[slice * stride + col];
  of_row[threadIdx.y][threadIdx.x] = sum;
  __syncthreads();
  if (threadIdx.y != 0 || col >= cols) return;
  for (int row = 1; row < kSlicesDown; ++row) sum += of_row[row][threadIdx.x];
  sums[col] += sum;
}

constexpr int kTile = 32;

/// A tile is read along rows and written along columns. The odd width of a row of the tile in
/// shared memory keeps threads of a warp on different banks.
template <typename T>
__global__ void __launch_bounds__(kTile * 8)
    transpose_kernel(CopyShape shape, const T* from, T* to) {
  __shared__ T tile[kTile][kTile + 1];
  const std::int64_t col = static_cast<std::int64_t>(blockIdx.x) * kTile;
  for (std::int64_t row = static_cast<std::int64_t>(blockIdx.y) * kTile; row < shape.rows;
       row += static_cast<std::int64_t>(gridDim.y) * kTile) {
    for (int i = static_cast<int>(threadIdx.y); i < kTile; i += 8)
      if (row + i < shape.rows && col + threadIdx.x < shape.cols)
        tile[i][threadIdx.x] = from[(row + i) * shape.from_stride + col + threadIdx.x];
    __syncthreads();
    for (int i = static_cast<int>(threadIdx.y); i < kTile; i += 8)
      if (col + i < shape.cols && row + threadIdx.x < shape.rows)
        to[(col + i) * shape.to_stride + row + threadIdx.x] = tile[threadIdx.x][i];
    __syncthreads();
  }
}

}  // namespace

template <typename To, typename From>
void copy(const CopyShape& shape, const From* from, To* to, bool add, DeviceContext& context) {
  constexpr int kWidth = kWidest<To, From>;
  const CopyBody<To, From> body{from, to, shape.from_stride, shape.to_stride, add};
  const bool vectors = aligned(from) && aligned(to);
  const bool flat =
      shape.rows == 1 || (shape.from_stride == shape.cols && shape.to_stride == shape.cols);
  if (flat)
    each_element<kWidth>(shape.rows * shape.cols, vectors, body, context.stream());
  else
    each_in_rows<kWidth>(
        shape.rows, shape.cols,
        vectors && shape.from_stride % kWidth == 0 && shape.to_stride % kWidth == 0, body,
        context.stream());
}

template <typename T>
void transpose(const CopyShape& shape, const T* from, T* to, DeviceContext& context) {
  const auto tiles = [](std::int64_t n) { return (n + kTile - 1) / kTile; };
  const std::int64_t down = tiles(shape.rows);
  launch(transpose_kernel<T>,
         dim3(static_cast<unsigned>(tiles(shape.cols)),
              static_cast<unsigned>(down < 65535 ? down : 65535)),
         dim3(kTile, 8), 0, context.stream(), shape, from, to);
}

template <typename T>
void add(std::int64_t n, const T* a, const T* b, T* y, DeviceContext& context) {
  each_element<kWidest<T>>(n, aligned(a) && aligned(b) && aligned(y), AddBody<T>{a, b, y},
                           context.stream());
}

template <typename T>
void scale(std::int64_t n, float factor, const float* device_factor, const T* x, T* y,
           DeviceContext& context) {
  each_element<kWidest<T>>(n, aligned(x) && aligned(y), ScaleBody<T>{factor, device_factor, x, y},
                           context.stream());
}

template <typename T>
void add_column_sums(std::int64_t rows, std::int64_t cols, std::int64_t stride, const T* x,
                     float* sums, DeviceContext& context) {
  constexpr int kWidth = kWidest<T>;
  add_column_sums_of<kWidth>(rows, cols, aligned(x) && stride % kWidth == 0,
                             ColumnBody<T>{x, stride}, sums, context);
}

void add_slices(std::int64_t slices, std::int64_t cols, std::int64_t stride, const float* partial,
                float* sums, StreamHandle stream) {
  launch(slices_kernel, dim3(static_cast<unsigned>((cols + kColumnsAcross - 1) / kColumnsAcross)),
         dim3(kColumnsAcross, kSlicesDown), 0, stream, slices, cols, stride, partial, sums);
}

template <typename T>
void clear(std::int64_t rows, std::int64_t cols, std::int64_t stride, T* x,
           DeviceContext& context) {
  constexpr int kWidth = kWidest<T>;
  if (rows == 1 || stride == cols)
    return fill_zero(x, static_cast<std::size_t>(rows * cols) * sizeof(T), context.stream());
  each_in_rows<kWidth>(rows, cols, aligned(x) && stride % kWidth == 0, ClearBody<T>{x, stride},
                       context.stream());
}

void fill_bytes(std::int64_t n, std::uint8_t value, std::uint8_t* to, DeviceContext& context) {
  each_element<16>(n, aligned(to), FillBody{to, value}, context.stream());
}

#define STEPCAST_COPY(To, From) \
  template void copy(const CopyShape&, const From*, To*, bool, DeviceContext&);
#define STEPCAST_OF(T)                                                                      \
  STEPCAST_COPY(T, float)                                                                   \
  STEPCAST_COPY(T, Bf16)                                                                    \
  STEPCAST_COPY(T, Fp16)                                                                    \
  template void transpose(const CopyShape&, const T*, T*, DeviceContext&);                  \
  template void clear(std::int64_t, std::int64_t, std::int64_t, T*, DeviceContext&);        \
  template void add(std::int64_t, const T*, const T*, T*, DeviceContext&);                  \
  template void scale(std::int64_t, float, const float*, const T*, T*, DeviceContext&);     \
  template void add_column_sums(std::int64_t, std::int64_t, std::int64_t, const T*, float*, \
                                DeviceContext&);
STEPCAST_OF(float)
STEPCAST_OF(Bf16)
STEPCAST_OF(Fp16)

}  // namespace stepcast::cuda
