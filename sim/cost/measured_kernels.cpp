#include "sim/cost/measured_kernels.h"

#include <algorithm>
#include <string>
#include <tuple>

#include "sim/base/quantity_text.h"
#include "sim/compute/dims.h"

namespace stepcast {
namespace {

bool before(const Kernel& a, const Kernel& b) {
  return std::tie(a.kind, a.dtype, a.causal, a.dims) < std::tie(b.kind, b.dtype, b.causal, b.dims);
}

std::vector<std::string_view> kernel_names() {
  std::vector<std::string_view> names;
  for (const KernelInfo& row : kernel_table()) names.push_back(row.name);
  return names;
}

/// A batch of one and a padding of none, which stand last, may be left out.
std::size_t least_dims(const KernelInfo& row) {
  const std::size_t count = num_dims(row);
  const std::string_view last = row.dim_names[count - 1];
  return last == "batch" || last == "padding" ? count - 1 : count;
}

std::int64_t least_of(std::string_view dim) { return dim == "padding" ? 0 : 1; }

std::string listed(const KernelInfo& row) {
  std::string text;
  for (std::size_t i = 0; i < num_dims(row); ++i)
    text += (i > 0 ? ", " : "") + std::string(row.dim_names[i]);
  return text;
}

/// Whether the window, if the kernel has one, fits into the padded image.
bool window_fits(const Kernel& kernel) {
  const KernelInfo& row = info(kernel.kind);
  if (row.family == KernelFamily::kConvolution) {
    const ConvolutionDims c = convolution_dims(kernel);
    return c.window_height <= c.height + 2 * c.padding && c.window_width <= c.width + 2 * c.padding;
  }
  if (row.work.counts != StreamingWork::Counts::kWindows) return true;
  const PoolingDims p = pooling_dims(kernel);
  return p.window <= std::min(p.height, p.width) + 2 * p.padding;
}

/// Whether the tensors of a kernel with windows have so few elements that a whole number counts
/// them; with their padding, and in floating point, so that asking overflows nothing.
bool can_be_counted(const Kernel& kernel) {
  constexpr double kMost = 0x1p53;
  const auto product = [](auto... factors) { return (static_cast<double>(factors) * ... * 1.0); };
  const KernelInfo& row = info(kernel.kind);
  if (row.family == KernelFamily::kConvolution) {
    const ConvolutionDims c = convolution_dims(kernel);
    const double pixels = product(c.images, c.height + 2 * c.padding, c.width + 2 * c.padding);
    return pixels * static_cast<double>(std::max(c.in_channels, c.out_channels)) < kMost &&
           product(c.in_channels, c.out_channels, c.window_height, c.window_width) < kMost;
  }
  if (row.work.counts != StreamingWork::Counts::kWindows) return true;
  const PoolingDims p = pooling_dims(kernel);
  return product(p.planes, p.height + 2 * p.padding, p.width + 2 * p.padding) < kMost;
}

void read_dims(Fields& fields, const KernelInfo& row, Kernel& kernel) {
  const auto list = fields.required_child("dims", "a list of whole numbers [...]");
  if (!list) return;
  const std::vector<JsonValue> dims = list->elements();
  bool right = list->is_array() && dims.size() >= least_dims(row) && dims.size() <= num_dims(row);
  for (std::size_t i = 0; right && i < dims.size(); ++i) {
    kernel.dims[i] = dims[i].as_integer().value_or(-1);
    right = kernel.dims[i] >= least_of(row.dim_names[i]) && kernel.dims[i] <= 1'000'000'000'000;
  }
  if (!right)
    fields.reject("dims", "= " + list->excerpt() + " must hold the whole numbers [" + listed(row) +
                              "] of " + std::string(row.name) +
                              ", from 1 (padding from 0) to 10^12");
  else if (!window_fits(kernel))
    fields.reject("dims", "= " + list->excerpt() + " has a window that is larger than the image " +
                              "with its padding; dims are [" + listed(row) + "]");
  else if (!can_be_counted(kernel))
    fields.reject("dims", "= " + list->excerpt() + " has a tensor of 2^53 elements or more; " +
                              "dims are [" + listed(row) + "]");
}

MeasuredKernel read_point(const JsonValue& value, Problems& problems) {
  static const std::vector<std::string_view> kNames = kernel_names();
  Fields fields(value, problems);
  MeasuredKernel point;
  const KernelInfo& row = kernel_table()[fields.choice("kernel", kNames)];
  point.kernel.kind = row.kind;
  point.kernel.dtype = fields.dtype("dtype");
  if (fields.has("kernel")) read_dims(fields, row, point.kernel);
  point.kernel.causal = fields.boolean("causal", false);
  if (point.kernel.causal && row.family != KernelFamily::kAttention)
    fields.reject("causal", "is for attention kernels only, not " + std::string(row.name));
  point.time = fields.quantity<Seconds>("time");
  point.relative_sigma = fields.number("relative_sigma", {.max = 1}, 0.05);
  if (fields.has("burst")) point.burst = fields.quantity<Seconds>("burst");
  fields.finish();
  return point;
}

std::string microseconds(Seconds time) { return number_text(time.value() * 1e6, 5) + " us"; }

/// One batch is written like none.
Kernel plain(Kernel kernel) {
  const KernelFamily family = info(kernel.kind).family;
  const bool product = family == KernelFamily::kGemm || family == KernelFamily::kBatchedGemm;
  if (product && kernel.dims[3] == 1) kernel.dims[3] = 0;
  return kernel;
}

}  // namespace

void MeasuredKernels::set(const MeasuredKernel& point) {
  MeasuredKernel added = point;
  added.kernel = plain(point.kernel);
  const auto at = std::lower_bound(
      points_.begin(), points_.end(), added.kernel,
      [](const MeasuredKernel& a, const Kernel& b) { return before(a.kernel, b); });
  if (at != points_.end() && at->kernel == added.kernel)
    *at = added;
  else
    points_.insert(at, added);
}

const MeasuredKernel* MeasuredKernels::find(const Kernel& kernel) const {
  const Kernel key = plain(kernel);
  const auto at = std::lower_bound(
      points_.begin(), points_.end(), key,
      [](const MeasuredKernel& a, const Kernel& b) { return before(a.kernel, b); });
  return at != points_.end() && at->kernel == key ? &*at : nullptr;
}

MeasuredKernels read_measured_kernels(const JsonValue& list, Problems& problems) {
  MeasuredKernels points;
  if (!list.is_array()) problems.add(list.problem("must be a list of measured kernels [...]"));
  for (const JsonValue& element : list.elements()) {
    const std::size_t mistakes = problems.all().size();
    const MeasuredKernel point = read_point(element, problems);
    if (problems.all().size() > mistakes) continue;
    if (points.find(point.kernel) != nullptr)
      problems.add(element.problem("is a second point of " + to_text(point.kernel) +
                                   "; keep the better one"));
    points.set(point);
  }
  return points;
}

void write_measured_kernels(JsonWriter& json, const MeasuredKernels& points) {
  json.begin_array();
  for (const MeasuredKernel& point : points.all()) {
    const KernelInfo& row = info(point.kernel.kind);
    json.begin_object(JsonWriter::Layout::kOneLine);
    json.member("kernel", row.name);
    json.member("dtype", name_of(point.kernel.dtype));
    json.key("dims");
    json.begin_array();
    for (std::size_t i = 0; i < num_dims(row) && point.kernel.dims[i] > 0; ++i)
      json.value(point.kernel.dims[i]);
    json.end_array();
    if (point.kernel.causal) json.member("causal", true);
    json.member("time", microseconds(point.time));
    json.member("relative_sigma", point.relative_sigma);
    if (point.burst) json.member("burst", microseconds(*point.burst));
    json.end_object();
  }
  json.end_array();
}

}  // namespace stepcast
