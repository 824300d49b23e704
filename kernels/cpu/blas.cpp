#include "kernels/cpu/blas.h"

#include <cblas.h>

namespace stepcast::cpu {

std::string blas_version() {
  return std::string(openblas_get_config()) + " (" + openblas_get_corename() + ")";
}

}  // namespace stepcast::cpu
