#include "sim/cost/device_profile.h"

#include <algorithm>

namespace stepcast {
namespace {

constexpr std::array<Dtype, 5> kDtypes = {Dtype::kFp32, Dtype::kTf32, Dtype::kFp16, Dtype::kBf16,
                                          Dtype::kFp8};
constexpr NumberRange kFraction = {.min = 0, .max = 1.5, .exclude_min = true};

GemmModel read_gemm(JsonValue value, Problems& problems) {
  Fields fields(value, problems);
  GemmModel model;
  model.efficiency = fields.number("efficiency", kFraction);
  model.memory_efficiency = fields.number("memory_efficiency", kFraction);
  model.m0 = fields.number("m0", {.max = 1e4}, 0);
  model.n0 = fields.number("n0", {.max = 1e4}, 0);
  model.k0 = fields.number("k0", {.max = 1e4}, 0);
  model.overhead = fields.quantity<Seconds>("overhead", Seconds(0), true);
  model.dgrad_efficiency = fields.number("dgrad_efficiency", kFraction, 1);
  model.wgrad_efficiency = fields.number("wgrad_efficiency", kFraction, 1);
  model.grade = fields.grade("grade", Grade::kAssumed);
  model.relative_sigma = fields.number("relative_sigma", {.max = 1}, 0.15);
  fields.text("source", "");
  fields.finish();
  return model;
}

AttentionModel read_attention(JsonValue value, Problems& problems) {
  Fields fields(value, problems);
  AttentionModel model;
  fields.text("implementation", "");
  if (const auto dims = fields.required_child("head_dims"))
    for (const JsonValue& dim : dims->elements())
      model.head_dims.push_back(dim.as_integer().value_or(0));
  if (const auto rates = fields.required_child("efficiency"))
    for (const JsonValue& rate : rates->elements())
      model.efficiency.push_back(rate.as_number().value_or(0));
  const bool ascending = std::is_sorted(model.head_dims.begin(), model.head_dims.end()) &&
                         !model.head_dims.empty() && model.head_dims.front() > 0;
  if (!ascending || model.head_dims.size() != model.efficiency.size())
    fields.reject("head_dims", "must be ascending, positive, and as many as \"efficiency\"");
  for (double rate : model.efficiency)
    if (!(rate > 0 && rate <= 1)) fields.reject("efficiency", "must hold fractions in (0, 1]");
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

/// Reads an object whose keys are dtypes.
template <typename Model, typename Read>
void read_by_dtype(std::optional<JsonValue> value, Problems& problems, Read read,
                   std::array<std::optional<Model>, 5>& into) {
  if (!value) return;
  for (const std::string& key : value->keys()) {
    bool known = false;
    for (Dtype dtype : kDtypes) {
      if (key != name_of(dtype)) continue;
      into[static_cast<std::size_t>(dtype)] = read(*value->member(key), problems);
      known = true;
    }
    if (!known)
      problems.add(value->member(key)->problem(": unknown dtype, known: fp32 tf32 fp16 bf16 fp8"));
  }
}

void read_memory(JsonValue value, Problems& problems, DeviceProfile& profile) {
  Fields fields(value, problems);
  profile.memory_efficiency = fields.number("efficiency", kFraction);
  profile.memory_overhead = fields.quantity<Seconds>("overhead", Seconds(0), true);
  profile.memory_grade = fields.grade("grade", Grade::kAssumed);
  if (const auto kernels = fields.child("kernels")) {
    for (const std::string& key : kernels->keys()) {
      Fields kernel(*kernels->member(key), problems);
      const double efficiency = kernel.number("efficiency", kFraction);
      kernel.text("source", "");
      kernel.finish();
      bool known = false;
      for (const KernelInfo& row : kernel_table())
        if (row.name == key && row.family == KernelFamily::kMemoryBound) {
          profile.memory_kernels.emplace_back(row.kind, efficiency);
          known = true;
        }
      if (!known)
        problems.add(kernels->member(key)->problem(
            ": no memory-bound kernel of that name; `stepcast list kernels` shows them"));
    }
  }
  fields.finish();
}

}  // namespace

bool serves(const DeviceProfile& profile, const std::string& device) {
  return device == profile.device || std::find(profile.also_for.begin(), profile.also_for.end(),
                                               device) != profile.also_for.end();
}

DeviceProfile read_device_profile(JsonValue value, Problems& problems) {
  Fields fields(value, problems);
  DeviceProfile profile;
  profile.name = fields.text("name");
  profile.device = fields.text("device");
  if (const auto devices = fields.child("also_for"))
    for (const JsonValue& device : devices->elements())
      profile.also_for.push_back(device.as_string().value_or(""));
  constexpr std::array<std::string_view, 2> kConditions = {"sustained", "burst"};
  profile.condition = kConditions[fields.choice("condition", kConditions)];
  read_by_dtype<GemmModel>(fields.required_child("gemm"), problems, read_gemm, profile.gemm);
  read_by_dtype<AttentionModel>(fields.child("attention"), problems, read_attention,
                                profile.attention);
  if (const auto memory = fields.required_child("memory")) read_memory(*memory, problems, profile);
  if (const auto launch = fields.child("launch")) {
    Fields launch_fields(*launch, problems);
    profile.launch_period = launch_fields.quantity<Seconds>("period", Seconds(0), true);
    launch_fields.text("source", "");
    launch_fields.finish();
  }
  fields.finish();
  return profile;
}

}  // namespace stepcast
