// Tensor cores, and copies into shared memory beside computation, for 16-bit types: PTX on a GPU
// [PTX ISA, warp-level matrix instructions, mma.m16n8k16 and ldmatrix; cp.async], lane by lane in
// the emulation. All lanes of a warp call them together.
//
// Lane l holds, with g = l / 4 and t = l % 4, two neighbouring 16-bit elements per word:
//   A (16, 16):  words 0 .. 3: rows g, g + 8, g, g + 8; columns 2t, 2t, 2t + 8, 2t + 8
//   B (16, 8):   words 0, 1: rows 2t, 2t + 8 and the next; column g
//   C (16, 8):   fp32: (g, 2t), (g, 2t + 1), (g + 8, 2t), (g + 8, 2t + 1)
// So two C next to each other are an A, once they are rounded: products follow each other without a
// detour through memory.
#pragma once

#include "kernels/ops/pack.h"

#ifdef STEPCAST_EMULATED
#include "tests/emulation/tensor_cores.h"
#else

namespace stepcast::cuda {

/// Two numbers rounded to T; `low` is the element at the lower address.
template <typename T>
__device__ __forceinline__ std::uint32_t pair_of(float low, float high) {
  std::uint32_t word;
  if constexpr (std::is_same_v<T, Bf16>)
    asm("cvt.rn.bf16x2.f32 %0, %1, %2;" : "=r"(word) : "f"(high), "f"(low));
  else
    asm("cvt.rn.f16x2.f32 %0, %1, %2;" : "=r"(word) : "f"(high), "f"(low));
  return word;
}

/// c += a b.
template <typename T>
__device__ __forceinline__ void multiply_add(float (&c)[4], const std::uint32_t (&a)[4],
                                             const std::uint32_t b0, const std::uint32_t b1) {
  if constexpr (std::is_same_v<T, Bf16>)
    asm("mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, "
        "{%8,%9}, {%0,%1,%2,%3};"
        : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3])
        : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b0), "r"(b1));
  else
    asm("mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, "
        "{%8,%9}, {%0,%1,%2,%3};"
        : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3])
        : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b0), "r"(b1));
}

/// Four matrices of 8 rows of 16 bytes in shared memory; lane l says where row l % 8 of matrix l /
/// 8 is. Word i of a lane is of matrix i: elements 2t and 2t + 1 of row g; transposed: element g of
/// rows 2t and 2t + 1.
template <bool kTransposed>
__device__ __forceinline__ void load_matrices(std::uint32_t (&words)[4], const void* row) {
  const auto address = static_cast<std::uint32_t>(__cvta_generic_to_shared(row));
  if constexpr (kTransposed)
    asm volatile("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0,%1,%2,%3}, [%4];"
                 : "=r"(words[0]), "=r"(words[1]), "=r"(words[2]), "=r"(words[3])
                 : "r"(address)
                 : "memory");
  else
    asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0,%1,%2,%3}, [%4];"
                 : "=r"(words[0]), "=r"(words[1]), "=r"(words[2]), "=r"(words[3])
                 : "r"(address)
                 : "memory");
}

/// 16 bytes, or zeros where there is nothing to read.
__device__ __forceinline__ void copy_16_async(void* to_shared, const void* from, bool there) {
  const auto address = static_cast<std::uint32_t>(__cvta_generic_to_shared(to_shared));
  asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;" ::"r"(address), "l"(from),
               "r"(there ? 16 : 0)
               : "memory");
}
/// What has been copied since the last call is one group.
__device__ __forceinline__ void close_group() {
  asm volatile("cp.async.commit_group;" ::: "memory");
}
/// Until all but the last kOpen groups of this thread have arrived.
template <int kOpen>
__device__ __forceinline__ void wait_for_groups() {
  asm volatile("cp.async.wait_group %0;" ::"n"(kOpen) : "memory");
}

}  // namespace stepcast::cuda
#endif
