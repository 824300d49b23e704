// How the loops of kernels/cpu/ become vector code on whatever machine the binary runs on.
//
// A function marked STEPCAST_VECTORIZED is compiled for AVX-512, for AVX2 and for plain x86-64; the
// loader picks one (GCC's target_clones). What such a function calls per element must be
// STEPCAST_INLINE: GCC inlines nothing else across targets.
//
// Their loops say `#pragma omp simd` (-fopenmp-simd, kernels/CMakeLists.txt): iterations are
// independent even when arrays are the same, as in an update in place, and sums may be taken in any
// order. Only marked sums: -fassociative-math would also let the compiler undo the split constants
// and guarded products of vector_math.h. A result repeats to the last bit on one machine, and
// differs in rounding between machines.
#pragma once

#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__)
#define STEPCAST_VECTORIZED \
  __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#else
#define STEPCAST_VECTORIZED
#endif

#define STEPCAST_INLINE inline __attribute__((always_inline))
