// The library behind the matrix products.
#pragma once

#include <string>

namespace stepcast::cpu {

/// "OpenBLAS 0.3.21 ... (Zen)": version, options, and the core whose kernels it chose.
std::string blas_version();

}  // namespace stepcast::cpu
