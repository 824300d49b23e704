// Compression of gradients.
#include "kernels/live/cpu_launchers.h"
#include "kernels/live/cpu_results.h"
#include "kernels/live/image_shapes.h"

namespace stepcast {

void cpu_top_k(const Launch& launch) {
  const LiveOperand &x = launch.operands[0], &indices = launch.operands[1],
                    &values = launch.operands[2];
  const auto [n, kept] = sparse_shape(launch);
  cpu::top_k(n, kept, x.floats(), indices.ids(), values.floats());
}

void cpu_add_sparse(const Launch& launch) {
  const LiveOperand &indices = launch.operands[0], &values = launch.operands[1],
                    &x = launch.operands[2];
  cpu::add_sparse(sparse_shape(launch).kept, indices.ids(), values.floats(), x.floats());
}

void cpu_quantize(const Launch& launch) {
  const LiveOperand &x = launch.operands[0], &codes = launch.operands[1],
                    &scales = launch.operands[2];
  cpu::quantize(quantize_shape(launch), x.floats(), codes_of(codes), scales.floats());
}

void cpu_dequantize(const Launch& launch) {
  const LiveOperand &codes = launch.operands[0], &scales = launch.operands[1];
  const OverwrittenResult<float> x(launch.operands[2]);
  cpu::dequantize(quantize_shape(launch), codes_of(codes), scales.floats(), x.data());
  x.finish();
}

}  // namespace stepcast
