#include "kernels/ops/gemm.h"

#include "kernels/ops/products.h"

namespace stepcast::cuda {
namespace {

const std::byte* at(const void* memory, std::int64_t offset, LtType type) {
  return static_cast<const std::byte*>(memory) + offset * size_of(type);
}

}  // namespace

void gemm(const Product& product, const void* a, const void* b, void* c, DeviceContext& context) {
  for (const LtCall& call : lt_calls(product, a, b, c)) {
    const LtArguments& arguments = call.arguments;
    context.library<Products>().run(
        arguments, {.a = at(b, call.b_offset, arguments.a.type),
                    .b = at(a, call.a_offset, arguments.b.type),
                    .c = static_cast<std::byte*>(c) + call.c_offset * size_of(arguments.c.type),
                    .alpha = product.shape.alpha,
                    .beta = product.shape.beta,
                    .bias = product.bias,
                    .before_gelu = product.before_gelu,
                    .scale_a = product.scale_b,
                    .scale_b = product.scale_a});
  }
}

}  // namespace stepcast::cuda
