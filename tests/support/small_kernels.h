// A small kernel of each kind of the catalogue, with odd sides.
#pragma once

#include "sim/compute/kernels.h"

namespace stepcast {

inline Kernel small_streaming(const KernelInfo& row, Dtype dtype) {
  Kernel kernel{.kind = row.kind, .dtype = dtype};
  switch (row.work.counts) {
    case StreamingWork::Counts::kProduct:
      kernel.dims = {7, 65, 9};
      if (num_dims(row) == 1) kernel.dims = {4096};
      if (num_dims(row) == 2) kernel.dims[2] = 0;
      return kernel;
    case StreamingWork::Counts::kWindows:
      kernel.dims = {5, 11, 8, 3, 2, 1};
      return kernel;
    case StreamingWork::Counts::kKept:
      kernel.dims = {2051, 33};
      return kernel;
    case StreamingWork::Counts::kBlocks:
      kernel.dims = {2051, 100};
      return kernel;
  }
  return kernel;
}

inline Kernel small_kernel(const KernelInfo& row, Dtype dtype = Dtype::kFp32) {
  Kernel kernel{.kind = row.kind, .dtype = dtype};
  switch (row.family) {
    case KernelFamily::kGemm:
      kernel.dims = {33, 17, 29};
      return kernel;
    case KernelFamily::kBatchedGemm:
      kernel.dims = {9, 17, 5, 6};
      return kernel;
    case KernelFamily::kAttention:
      kernel.dims = {2, 4, 2, 19, 19, 8};
      return kernel;
    case KernelFamily::kConvolution:
      kernel.dims = {2, 3, 13, 11, 5, 3, 3, 2, 1};
      return kernel;
    case KernelFamily::kMemoryBound:
      return small_streaming(row, dtype);
  }
  return kernel;
}

}  // namespace stepcast
