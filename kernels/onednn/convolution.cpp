#include "kernels/onednn/convolution.h"

#include <array>
#include <map>
#include <optional>

#include "kernels/onednn/workspace.h"

namespace stepcast::onednn {
namespace {

using dnnl::memory;
using Pass = cpu::ConvolutionPass;
using Tag = memory::format_tag;

/// Which tensors the library gets: ours, or copies in its own blocked layouts. Windows of one pixel
/// are products as they are, and three channels fill no block of an input's gradient.
enum class Layouts : std::uint8_t { kOurs, kBlocked };

/// What was fastest, or nothing where that was the product over patches: on one core of a Zen 4,
/// see kernels/README.md. The gradient of weights has to be brought back from its blocks, which few
/// pixels don't make up for.
std::optional<Layouts> fastest(Pass pass, const ConvolutionShape& s) {
  constexpr std::int64_t kBlock = 16, kPixels = 256, kPixelsOfPoints = 2048;
  const bool points = s.kernel == 1 && s.stride == 1 && s.padding == 0;
  switch (pass) {
    case Pass::kForward:
      return points ? Layouts::kOurs : Layouts::kBlocked;
    case Pass::kDgrad:
      return points || s.in_channels < kBlock ? Layouts::kOurs : Layouts::kBlocked;
    case Pass::kWgrad:
      break;
  }
  const std::int64_t enough = s.kernel > 1 ? kPixels : kPixelsOfPoints;
  if (s.images * s.positions() < enough) return std::nullopt;
  return Layouts::kBlocked;
}

using Key = std::array<std::int64_t, 9>;
Key key_of(Pass pass, const ConvolutionShape& s) {
  return {static_cast<std::int64_t>(pass),
          s.images,
          s.in_channels,
          s.height,
          s.width,
          s.out_channels,
          s.kernel,
          s.stride,
          s.padding};
}

/// A tensor as the caller has it and as the primitive wants it.
class Tensor {
 public:
  Tensor(Place place, const memory::desc& plain, const memory::desc& wanted, int argument)
      : place_(place),
        argument_(argument),
        plain_(plain, cpu_engine(), DNNL_MEMORY_NONE),
        wanted_(wanted, cpu_engine(), DNNL_MEMORY_NONE) {}

  void will_be_read() {
    if (plain_.get_desc() != wanted_.get_desc()) in_ = dnnl::reorder(plain_, wanted_);
  }
  /// Added to what is there: always by way of the workspace.
  void will_be_written(bool add) {
    if (!add && plain_.get_desc() == wanted_.get_desc()) return;
    dnnl::primitive_attr attributes;
    dnnl::post_ops after;
    if (add) after.append_sum(1);
    attributes.set_post_ops(after);
    out_ = dnnl::reorder(dnnl::reorder::primitive_desc(wanted_, plain_, attributes));
  }

  void begin(const float* data) {
    plain_.set_data_handle(const_cast<float*>(data));
    const bool moved = in_ || out_;
    wanted_.set_data_handle(moved ? static_cast<void*>(workspace(place_, bytes()))
                                  : plain_.get_data_handle());
    if (in_) in_->execute(own_stream(), plain_, wanted_);
  }
  void end() {
    if (out_) out_->execute(own_stream(), wanted_, plain_);
  }
  std::pair<const int, memory> argument() const { return {argument_, wanted_}; }

 private:
  std::size_t bytes() const { return wanted_.get_desc().get_size(); }

  Place place_;
  int argument_;
  memory plain_, wanted_;
  std::optional<dnnl::reorder> in_, out_;
};

/// A convolution that has been made, for one shape.
struct Plan {
  dnnl::primitive primitive;
  Tensor a, b, result;

  void run(const float* from_a, const float* from_b, float* to) {
    a.begin(from_a), b.begin(from_b), result.begin(to);
    primitive.execute(own_stream(), {a.argument(), b.argument(), result.argument()});
    result.end();
  }
};

/// Descriptions of x, weights and y in a layout each.
struct Descriptions {
  memory::desc x, weights, y;
  Descriptions(const ConvolutionShape& s, Tag images, Tag kernels)
      : x({s.images, s.in_channels, s.height, s.width}, memory::data_type::f32, images),
        weights({s.out_channels, s.in_channels, s.kernel, s.kernel}, memory::data_type::f32,
                kernels),
        y({s.images, s.out_channels, s.out_height(), s.out_width()}, memory::data_type::f32,
          images) {}
};

Plan make_plan(Pass pass, const ConvolutionShape& s, Layouts layouts) {
  const Descriptions plain(s, Tag::nchw, Tag::oihw);
  const Descriptions wanted =
      layouts == Layouts::kOurs ? plain : Descriptions(s, Tag::any, Tag::any);
  const memory::dims stride{s.stride, s.stride}, padding{s.padding, s.padding};
  // The direct algorithm: Winograd's rounds otherwise.
  constexpr auto kDirect = dnnl::algorithm::convolution_direct;
  const dnnl::convolution_forward::primitive_desc forward(
      {dnnl::prop_kind::forward_training, kDirect, wanted.x, wanted.weights, wanted.y, stride,
       padding, padding},
      cpu_engine());
  const auto plan = [&](const dnnl::primitive& primitive, Tensor a, Tensor b, Tensor result) {
    a.will_be_read(), b.will_be_read(), result.will_be_written(pass == Pass::kWgrad);
    return Plan{primitive, std::move(a), std::move(b), std::move(result)};
  };
  if (pass == Pass::kForward)
    return plan(dnnl::convolution_forward(forward),
                Tensor(Place::kA, plain.x, forward.src_desc(), DNNL_ARG_SRC),
                Tensor(Place::kB, plain.weights, forward.weights_desc(), DNNL_ARG_WEIGHTS),
                Tensor(Place::kResult, plain.y, forward.dst_desc(), DNNL_ARG_DST));
  if (pass == Pass::kDgrad) {
    const dnnl::convolution_backward_data::primitive_desc backward(
        {kDirect, wanted.x, wanted.weights, wanted.y, stride, padding, padding}, cpu_engine(),
        forward);
    return plan(dnnl::convolution_backward_data(backward),
                Tensor(Place::kA, plain.weights, backward.weights_desc(), DNNL_ARG_WEIGHTS),
                Tensor(Place::kB, plain.y, backward.diff_dst_desc(), DNNL_ARG_DIFF_DST),
                Tensor(Place::kResult, plain.x, backward.diff_src_desc(), DNNL_ARG_DIFF_SRC));
  }
  const dnnl::convolution_backward_weights::primitive_desc backward(
      {kDirect, wanted.x, wanted.weights, wanted.y, stride, padding, padding}, cpu_engine(),
      forward);
  return plan(
      dnnl::convolution_backward_weights(backward),
      Tensor(Place::kA, plain.x, backward.src_desc(), DNNL_ARG_SRC),
      Tensor(Place::kB, plain.y, backward.diff_dst_desc(), DNNL_ARG_DIFF_DST),
      Tensor(Place::kResult, plain.weights, backward.diff_weights_desc(), DNNL_ARG_DIFF_WEIGHTS));
}

/// Nothing where oneDNN is slower, or has no such kernel.
std::optional<Plan> plan_if_there(Pass pass, const ConvolutionShape& shape) {
  const std::optional<Layouts> layouts = fastest(pass, shape);
  if (!layouts) return std::nullopt;
  try {
    return make_plan(pass, shape, *layouts);
  } catch (const dnnl::error& error) {
    if (error.status != dnnl_unimplemented) throw;
    return std::nullopt;
  }
}

}  // namespace

bool convolve(Pass pass, const ConvolutionShape& shape, const float* a, const float* b,
              float* result) {
  own_stream();  // before anything is made: its kernels are made for one thread
  thread_local std::map<Key, std::optional<Plan>> plans;
  const Key key = key_of(pass, shape);
  auto found = plans.find(key);
  if (found == plans.end()) found = plans.emplace(key, plan_if_there(pass, shape)).first;
  if (!found->second) return false;
  found->second->run(a, b, result);
  return true;
}

}  // namespace stepcast::onednn
