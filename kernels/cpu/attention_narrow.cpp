// Attention on 16-bit tensors, by way of fp32 copies of one sequence.
#include "kernels/cpu/attention.h"
#include "kernels/cpu/element.h"
#include "kernels/cpu/elementwise.h"

namespace stepcast::cpu {
namespace {

/// One sequence of q, k, v or their like as fp32 in the workspace, (tokens, heads, head_dim),
/// dense.
struct Wide {
  HeadsView<float> view;
  std::int64_t tokens, heads, head_dim;
  HeadsView<const float> read() const { return {view.data, 0, view.token, view.head}; }
};

/// Hands out the workspace, tensor by tensor.
class Workspace {
 public:
  Workspace(const AttentionShape& shape, float* begin) : shape_(shape), next_(begin) {}
  Wide of_queries() { return take(shape_.queries, shape_.heads); }
  Wide of_keys() { return take(shape_.keys, shape_.kv_heads); }

 private:
  Wide take(std::int64_t tokens, std::int64_t heads) {
    const std::int64_t d = shape_.head_dim;
    const Wide wide{{next_, 0, heads * d, d}, tokens, heads, d};
    next_ += tokens * heads * d;
    return wide;
  }
  const AttentionShape& shape_;
  float* next_;
};

template <typename T>
void widen(HeadsView<const T> from, std::int64_t sequence, const Wide& to) {
  for (std::int64_t head = 0; head < to.heads; ++head)
    cast({to.tokens, to.head_dim, from.token, to.view.token}, from.at(sequence, 0, head),
         to.view.at(0, 0, head));
}

template <typename T>
void narrow(const Wide& from, std::int64_t sequence, HeadsView<T> to) {
  for (std::int64_t head = 0; head < from.heads; ++head)
    cast({from.tokens, from.head_dim, from.view.token, to.token},
         static_cast<const float*>(from.view.at(0, 0, head)), to.at(sequence, 0, head));
}

}  // namespace

std::int64_t attention_workspace(const AttentionShape& shape) {
  return 4 * shape.head_dim * (shape.queries * shape.heads + shape.keys * shape.kv_heads);
}

template <typename T>
void attention_forward(const AttentionShape& shape, HeadsView<const T> q, HeadsView<const T> k,
                       HeadsView<const T> v, HeadsView<T> out, float* log_sums, float* workspace) {
  Workspace room(shape, workspace);
  const Wide wide_q = room.of_queries(), wide_k = room.of_keys(), wide_v = room.of_keys();
  const Wide wide_out = room.of_queries();
  AttentionShape one = shape;
  one.batch = 1;
  for (std::int64_t b = 0; b < shape.batch; ++b) {
    widen(q, b, wide_q);
    widen(k, b, wide_k);
    widen(v, b, wide_v);
    attention_forward(one, wide_q.read(), wide_k.read(), wide_v.read(), wide_out.view,
                      log_sums + b * shape.heads * shape.queries);
    narrow(wide_out, b, out);
  }
}

template <typename T>
void attention_backward(const AttentionShape& shape, HeadsView<const T> q, HeadsView<const T> k,
                        HeadsView<const T> v, HeadsView<const T> out, const float* log_sums,
                        HeadsView<const T> dout, HeadsView<T> dq, HeadsView<T> dk, HeadsView<T> dv,
                        float* workspace) {
  Workspace room(shape, workspace);
  const Wide wide_q = room.of_queries(), wide_k = room.of_keys(), wide_v = room.of_keys();
  const Wide wide_out = room.of_queries(), wide_dout = room.of_queries();
  const Wide wide_dq = room.of_queries(), wide_dk = room.of_keys(), wide_dv = room.of_keys();
  AttentionShape one = shape;
  one.batch = 1;
  for (std::int64_t b = 0; b < shape.batch; ++b) {
    widen(q, b, wide_q);
    widen(k, b, wide_k);
    widen(v, b, wide_v);
    widen(out, b, wide_out);
    widen(dout, b, wide_dout);
    attention_backward(one, wide_q.read(), wide_k.read(), wide_v.read(), wide_out.read(),
                       log_sums + b * shape.heads * shape.queries, wide_dout.read(), wide_dq.view,
                       wide_dk.view, wide_dv.view);
    narrow(wide_dq, b, dq);
    narrow(wide_dk, b, dk);
    narrow(wide_dv, b, dv);
  }
}

#define STEPCAST_INSTANTIATE(T)                                                                   \
  template void attention_forward(const AttentionShape&, HeadsView<const T>, HeadsView<const T>,  \
                                  HeadsView<const T>, HeadsView<T>, float*, float*);              \
  template void attention_backward(const AttentionShape&, HeadsView<const T>, HeadsView<const T>, \
                                   HeadsView<const T>, HeadsView<const T>, const float*,          \
                                   HeadsView<const T>, HeadsView<T>, HeadsView<T>, HeadsView<T>,  \
                                   float*);
STEPCAST_INSTANTIATE(Bf16)
STEPCAST_INSTANTIATE(Fp16)

}  // namespace stepcast::cpu
