#include "kernels/onednn/product.h"

#include <array>
#include <bit>
#include <map>

#include "kernels/onednn/workspace.h"

namespace stepcast::onednn {
namespace {

using dnnl::memory;
using Type = memory::data_type;

bool multiplies_bf16() {
  static const bool kDoes = [] {
    const auto has = static_cast<unsigned>(dnnl::get_effective_cpu_isa());
    const auto wanted = static_cast<unsigned>(dnnl::cpu_isa::avx512_core_bf16);
    return (has & wanted) == wanted;
  }();
  return kDoes;
}

/// (rows, columns), as it lies or transposed.
memory::desc described(std::int64_t rows, std::int64_t columns, bool transposed, std::int64_t row,
                       Type type) {
  const memory::dims strides = transposed ? memory::dims{1, row} : memory::dims{row, 1};
  return {{rows, columns}, type, strides};
}

struct Plan {
  dnnl::matmul primitive;
  memory a, b, c;
};

Plan make_plan(const Gemm& s, Type result) {
  const memory::desc a = described(s.m, s.k, s.transpose_a, s.row_a(), Type::bf16),
                     b = described(s.k, s.n, s.transpose_b, s.row_b(), Type::bf16),
                     c = described(s.m, s.n, false, s.row_c(), result);
  dnnl::primitive_attr attributes;
  if (s.alpha != 1) attributes.set_output_scales(0, {s.alpha});
  if (s.beta != 0) {
    dnnl::post_ops after;
    after.append_sum(s.beta);
    attributes.set_post_ops(after);
  }
  const auto bare = [](const memory::desc& description) {
    return memory(description, cpu_engine(), DNNL_MEMORY_NONE);
  };
  return {dnnl::matmul(dnnl::matmul::primitive_desc({a, b, c}, attributes, cpu_engine())), bare(a),
          bare(b), bare(c)};
}

Plan& plan_of(const Gemm& s, Type result) {
  using Key = std::array<std::int64_t, 11>;
  thread_local std::map<Key, Plan> plans;
  const Key key = {s.m,
                   s.n,
                   s.k,
                   s.transpose_a,
                   s.transpose_b,
                   s.row_a(),
                   s.row_b(),
                   s.row_c(),
                   std::bit_cast<std::int32_t>(s.alpha),
                   std::bit_cast<std::int32_t>(s.beta),
                   static_cast<std::int64_t>(result)};
  const auto found = plans.find(key);
  return found != plans.end() ? found->second
                              : plans.emplace(key, make_plan(s, result)).first->second;
}

std::int64_t begin_of(const BatchStride& stride, std::int64_t outer, std::int64_t inner) {
  return outer * stride.outer + inner / stride.share * stride.inner;
}

template <typename Result>
bool multiply(const Gemm& s, const Bf16* a, const Bf16* b, Result* c, Type type) {
  if (!multiplies_bf16() || s.m == 0 || s.n == 0 || s.k == 0) return false;
  dnnl::stream& stream = own_stream();
  Plan& plan = plan_of(s, type);
  for (std::int64_t outer = 0; outer < s.outer; ++outer)
    for (std::int64_t inner = 0; inner < s.inner; ++inner) {
      plan.a.set_data_handle(const_cast<Bf16*>(a + begin_of(s.a, outer, inner)));
      plan.b.set_data_handle(const_cast<Bf16*>(b + begin_of(s.b, outer, inner)));
      plan.c.set_data_handle(c + begin_of(s.c, outer, inner));
      plan.primitive.execute(
          stream, {{DNNL_ARG_SRC, plan.a}, {DNNL_ARG_WEIGHTS, plan.b}, {DNNL_ARG_DST, plan.c}});
    }
  return true;
}

}  // namespace

bool multiply_to_bf16(const Gemm& shape, const Bf16* a, const Bf16* b, Bf16* c) {
  return multiply(shape, a, b, c, Type::bf16);
}

bool multiply_to_fp32(const Gemm& shape, const Bf16* a, const Bf16* b, float* c) {
  return multiply(shape, a, b, c, Type::f32);
}

}  // namespace stepcast::onednn
