// topologies/calibrations/*.json -> DeviceProfile.
#include "sim/cost/device_profile.h"

#include <algorithm>
#include <functional>
#include <utility>

#include "sim/base/quantity_text.h"

namespace stepcast {
namespace {

constexpr std::array<Dtype, 5> kDtypes = {Dtype::kFp32, Dtype::kTf32, Dtype::kFp16, Dtype::kBf16,
                                          Dtype::kFp8};
constexpr NumberRange kFraction = {.min = 0, .max = 1.5, .exclude_min = true};

GemmModel read_gemm(JsonValue value, Problems& problems) {
  Fields fields(std::move(value), problems);
  GemmModel model;
  model.efficiency = fields.number("efficiency", kFraction);
  model.memory_efficiency = fields.number("memory_efficiency", kFraction);
  model.m0 = fields.number("m0", {.max = 1e4}, 0);
  model.n0 = fields.number("n0", {.max = 1e4}, 0);
  model.k0 = fields.number("k0", {.max = 1e4}, 0);
  const double tile0 = fields.number("tile0", {.max = 1e3}, 0);
  if (fields.has("wave_hardness"))
    model.waves = TileWaves{.hardness = fields.number("wave_hardness", {.max = 1}), .tile0 = tile0};
  else if (tile0 > 0)
    fields.reject("tile0",
                  "= " + number_text(tile0) + " is of products in waves: give wave_hardness too");
  if (model.waves && (model.m0 > 0 || model.n0 > 0))
    fields.reject("wave_hardness", "= " + number_text(model.waves->hardness) +
                                       " says how rows and columns fill the chip, and so do m0 and "
                                       "n0: leave those out, or it");
  model.burst_gain = fields.number("burst_gain", {.max = 1}, 0);
  model.burst_time = fields.quantity<Seconds>("burst_time", model.burst_time);
  model.overhead = fields.quantity<Seconds>("overhead", Seconds(0), true);
  model.dgrad_efficiency = fields.number("dgrad_efficiency", kFraction, 1);
  model.wgrad_efficiency = fields.number("wgrad_efficiency", kFraction, 1);
  model.grade = fields.grade("grade", Grade::kAssumed);
  model.relative_sigma = fields.number("relative_sigma", {.max = 1}, 0.15);
  fields.text("source", "");
  fields.finish();
  return model;
}

ConvolutionModel read_convolution(JsonValue value, Problems& problems) {
  constexpr NumberRange kRate = {.min = 0, .max = 2, .exclude_min = true};
  Fields fields(std::move(value), problems);
  ConvolutionModel model;
  model.forward_efficiency = fields.number("forward_efficiency", kRate);
  model.dgrad_efficiency = fields.number("dgrad_efficiency", kRate);
  model.wgrad_efficiency = fields.number("wgrad_efficiency", kRate);
  model.memory_efficiency = fields.number("memory_efficiency", kFraction);
  model.channels0 = fields.number("channels0", {.max = 1e4}, 0);
  model.positions0 = fields.number("positions0", {.max = 1e6}, 0);
  model.winograd_gain = fields.number("winograd_gain", {.min = 1, .max = 4}, 1);
  model.overhead = fields.quantity<Seconds>("overhead", Seconds(0), true);
  model.grade = fields.grade("grade", Grade::kAssumed);
  model.relative_sigma = fields.number("relative_sigma", {.max = 1}, model.relative_sigma);
  fields.text("source", "");
  fields.finish();
  return model;
}

/// Elements of a list, or a problem and none.
std::vector<JsonValue> read_list(Fields& fields, const JsonValue& list, std::string_view key,
                                 const std::string& what) {
  if (!list.is_array())
    fields.reject(key, "= " + list.excerpt() + " must be a list of " + what + " [...]");
  return list.elements();
}

std::vector<std::int64_t> read_head_dims(Fields& fields) {
  std::vector<std::int64_t> dims;
  const auto list = fields.required_child("head_dims", "a list of head dimensions [...]");
  if (!list) return dims;
  for (const JsonValue& dim : read_list(fields, *list, "head_dims", "head dimensions"))
    dims.push_back(dim.as_integer().value_or(0));
  const bool ascending =
      std::adjacent_find(dims.begin(), dims.end(), std::greater_equal()) == dims.end();
  if (list->is_array() && (dims.empty() || dims.front() <= 0 || !ascending))
    fields.reject("head_dims", "must be positive whole numbers in ascending order");
  return dims;
}

std::vector<double> read_rates(Fields& fields, std::size_t count) {
  std::vector<double> rates;
  const auto list = fields.required_child("efficiency", "a list of fractions [...]");
  if (!list) return rates;
  for (const JsonValue& rate : read_list(fields, *list, "efficiency", "fractions"))
    rates.push_back(rate.as_number().value_or(0));
  const bool fractions =
      std::all_of(rates.begin(), rates.end(), [](double rate) { return rate > 0 && rate <= 1; });
  if (!fractions)
    fields.reject("efficiency", "must hold fractions of peak, above 0 and up to 1");
  else if (list->is_array() && rates.size() != count)
    fields.reject("efficiency", "must hold one fraction for each of the " + std::to_string(count) +
                                    " head_dims, not " + std::to_string(rates.size()));
  return rates;
}

AttentionModel read_attention(JsonValue value, Problems& problems) {
  Fields fields(std::move(value), problems);
  AttentionModel model;
  model.implementation = fields.text("implementation", "");
  model.head_dims = read_head_dims(fields);
  model.efficiency = read_rates(fields, model.head_dims.size());
  model.s0 = fields.number("s0", {.max = 1e4}, 0);
  model.causal_s0_factor = fields.number("causal_s0_factor", {.min = 1, .max = 20}, 1);
  model.backward_over_forward = fields.number("backward_over_forward", {.min = 1, .max = 10}, 2.5);
  model.overhead = fields.quantity<Seconds>("overhead", Seconds(0), true);
  model.grade = fields.grade("grade", Grade::kAssumed);
  model.relative_sigma = fields.number("relative_sigma", {.max = 1}, 0.15);
  fields.text("source", "");
  fields.finish();
  return model;
}

/// One model, or a list of them: one for each implementation.
void read_attentions(Fields& fields, std::string_view key, const JsonValue& value,
                     Problems& problems, std::vector<AttentionModel>& into) {
  if (!value.is_array()) {
    into = {read_attention(value, problems)};
    return;
  }
  for (const JsonValue& element : value.elements()) {
    AttentionModel model = read_attention(element, problems);
    const auto same = [&](const AttentionModel& other) {
      return other.implementation == model.implementation;
    };
    if (std::any_of(into.begin(), into.end(), same))
      fields.reject(key, "has two models of implementation \"" + model.implementation +
                             "\": keep one, or name them apart");
    into.push_back(std::move(model));
  }
  if (into.empty())
    fields.reject(key, "= [] has no model: give one for each implementation, or leave it out");
}

/// Objects whose keys are dtypes.
void read_gemms(const JsonValue& value, Problems& problems, DeviceProfile& profile) {
  Fields fields(value, problems);
  for (const Dtype dtype : kDtypes)
    if (const auto model = fields.child(name_of(dtype)))
      profile.gemm[static_cast<std::size_t>(dtype)] = read_gemm(*model, problems);
  fields.finish();
}

void read_convolutions(const JsonValue& value, Problems& problems, DeviceProfile& profile) {
  Fields fields(value, problems);
  for (const Dtype dtype : kDtypes)
    if (const auto model = fields.child(name_of(dtype)))
      profile.convolution[static_cast<std::size_t>(dtype)] = read_convolution(*model, problems);
  fields.finish();
}

void read_attentions_by_dtype(const JsonValue& value, Problems& problems, DeviceProfile& profile) {
  Fields fields(value, problems);
  for (const Dtype dtype : kDtypes)
    if (const auto models = fields.child(name_of(dtype)))
      read_attentions(fields, name_of(dtype), *models, problems,
                      profile.attention[static_cast<std::size_t>(dtype)]);
  fields.finish();
}

/// Quantities written as text, in ascending order and above zero.
template <typename Q>
std::vector<Q> read_ascending(Fields& fields, std::string_view key) {
  std::vector<Q> quantities;
  const auto list = fields.child(key);
  if (!list) return quantities;
  for (const JsonValue& element :
       read_list(fields, *list, key, "quantities such as " + std::string(quantity_example<Q>()))) {
    std::string why;
    const auto quantity = parse_quantity<Q>(element.as_string().value_or(""), why);
    if (!quantity || *quantity <= (quantities.empty() ? Q(0) : quantities.back())) {
      fields.reject(key, "must hold ascending quantities such as " +
                             std::string(quantity_example<Q>()) + ", not " + element.excerpt());
      return quantities;
    }
    quantities.push_back(*quantity);
  }
  return quantities;
}

MemoryKernelModel read_memory_kernel(const JsonValue& value, Problems& problems, KernelKind kind) {
  Fields fields(value, problems);
  MemoryKernelModel model{.kind = kind};
  if (fields.has("times")) {
    model.sizes = read_ascending<Bytes>(fields, "sizes");
    model.times = read_ascending<Seconds>(fields, "times");
    if (model.sizes.size() != model.times.size() || model.sizes.empty())
      fields.reject("times", "must hold one time for each of the " +
                                 std::to_string(model.sizes.size()) + " sizes");
  } else {
    model.efficiency = fields.number("efficiency", kFraction);
  }
  fields.text("source", "");
  fields.finish();
  return model;
}

/// Models of single kernels, by name.
void read_memory_kernels(const JsonValue& value, Problems& problems, DeviceProfile& profile) {
  Fields fields(value, problems);
  for (const KernelInfo& row : kernel_table()) {
    if (row.family != KernelFamily::kMemoryBound) continue;
    if (const auto found = fields.child(row.name))
      profile.memory_kernels.push_back(read_memory_kernel(*found, problems, row.kind));
  }
  fields.finish();
}

void read_memory(const JsonValue& value, Problems& problems, DeviceProfile& profile) {
  Fields fields(value, problems);
  profile.memory_efficiency = fields.number("efficiency", kFraction);
  profile.memory_overhead = fields.quantity<Seconds>("overhead", Seconds(0), true);
  profile.memory_grade = fields.grade("grade", Grade::kAssumed);
  profile.memory_relative_sigma =
      fields.number("relative_sigma", {.max = 1}, profile.memory_relative_sigma);
  if (const auto kernels = fields.child("kernels"))
    read_memory_kernels(*kernels, problems, profile);
  // Beyond it times grow with the sizes; where none exceeds it, all sizes would cost the same.
  for (const MemoryKernelModel& kernel : profile.memory_kernels)
    if (!kernel.times.empty() && kernel.times.back() <= profile.memory_overhead)
      fields.reject("overhead", "= " + to_text(profile.memory_overhead) +
                                    " must be less than the longest of the times of \"" +
                                    std::string(info(kernel.kind).name) + "\", " +
                                    to_text(kernel.times.back()));
  fields.finish();
}

std::vector<std::string> read_also_for(Fields& fields) {
  std::vector<std::string> devices;
  const auto list = fields.child("also_for");
  if (!list) return devices;
  for (const JsonValue& device : read_list(fields, *list, "also_for", "device names")) {
    devices.push_back(device.as_string().value_or(""));
    if (devices.back().empty()) fields.reject("also_for", "must hold names of devices");
  }
  return devices;
}

std::vector<std::pair<std::string, std::string>> read_provenance(const JsonValue& value,
                                                                 Problems& problems) {
  std::vector<std::pair<std::string, std::string>> provenance;
  Fields fields(value, problems);
  for (const std::string& key : value.keys()) provenance.emplace_back(key, fields.text(key));
  fields.finish();
  return provenance;
}

}  // namespace

bool serves(const DeviceProfile& profile, const std::string& device) {
  const auto& also = profile.also_for;
  return device == profile.device || std::find(also.begin(), also.end(), device) != also.end();
}

const AttentionModel* find_attention(const DeviceProfile& profile, Dtype dtype,
                                     std::string_view implementation) {
  const auto& models = profile.attention[static_cast<std::size_t>(dtype)];
  for (const AttentionModel& model : models)
    if (implementation.empty() || model.implementation == implementation) return &model;
  return nullptr;
}

DeviceProfile read_device_profile(JsonValue value, Problems& problems) {
  constexpr std::array<std::string_view, 2> kConditions = {"sustained", "burst"};
  Fields fields(std::move(value), problems);
  DeviceProfile profile;
  profile.name = fields.text("name");
  profile.device = fields.text("device");
  profile.also_for = read_also_for(fields);
  profile.condition = kConditions[fields.choice("condition", kConditions)];
  if (const auto gemm = fields.required_child("gemm")) read_gemms(*gemm, problems, profile);
  if (const auto attention = fields.child("attention"))
    read_attentions_by_dtype(*attention, problems, profile);
  if (const auto convolution = fields.child("convolution"))
    read_convolutions(*convolution, problems, profile);
  if (const auto memory = fields.required_child("memory")) read_memory(*memory, problems, profile);
  profile.kernel_library = fields.text("kernel_library", "");
  if (const auto points = fields.child("points"))
    profile.points = read_measured_kernels(*points, problems);
  if (const auto provenance = fields.child("provenance"))
    profile.provenance = read_provenance(*provenance, problems);
  fields.finish();
  return profile;
}

}  // namespace stepcast
