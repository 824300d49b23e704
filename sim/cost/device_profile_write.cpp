// DeviceProfile -> the JSON that read_device_profile() reads.
#include <algorithm>
#include <string_view>

#include "sim/base/quantity_text.h"
#include "sim/cost/device_profile.h"

namespace stepcast {
namespace {

void write_time(JsonWriter& json, std::string_view key, Seconds time) {
  json.member(key, number_text(time.value() * 1e6, 5) + " us");
}

void write_gemm(JsonWriter& json, const GemmModel& model, const std::string& source) {
  json.begin_object();
  json.member("efficiency", model.efficiency);
  json.member("memory_efficiency", model.memory_efficiency);
  json.member("m0", model.m0);
  json.member("n0", model.n0);
  json.member("k0", model.k0);
  if (model.waves) {
    json.member("wave_hardness", model.waves->hardness);
    json.member("tile0", model.waves->tile0);
  }
  if (model.burst_gain > 0) {
    json.member("burst_gain", model.burst_gain);
    write_time(json, "burst_time", model.burst_time);
  }
  write_time(json, "overhead", model.overhead);
  json.member("dgrad_efficiency", model.dgrad_efficiency);
  json.member("wgrad_efficiency", model.wgrad_efficiency);
  json.member("grade", name_of(model.grade));
  json.member("relative_sigma", model.relative_sigma);
  json.member("source", source);
  json.end_object();
}

void write_attention(JsonWriter& json, const AttentionModel& model, const std::string& source) {
  json.begin_object();
  if (!model.implementation.empty()) json.member("implementation", model.implementation);
  json.key("head_dims");
  json.begin_array(JsonWriter::Layout::kOneLine);
  for (const std::int64_t dim : model.head_dims) json.value(dim);
  json.end_array();
  json.key("efficiency");
  json.begin_array(JsonWriter::Layout::kOneLine);
  for (const double rate : model.efficiency) json.value(rate);
  json.end_array();
  json.member("s0", model.s0);
  json.member("causal_s0_factor", model.causal_s0_factor);
  json.member("backward_over_forward", model.backward_over_forward);
  write_time(json, "overhead", model.overhead);
  json.member("grade", name_of(model.grade));
  json.member("relative_sigma", model.relative_sigma);
  json.member("source", source);
  json.end_object();
}

void write_convolution(JsonWriter& json, const ConvolutionModel& model, const std::string& source) {
  json.begin_object();
  json.member("forward_efficiency", model.forward_efficiency);
  json.member("dgrad_efficiency", model.dgrad_efficiency);
  json.member("wgrad_efficiency", model.wgrad_efficiency);
  json.member("memory_efficiency", model.memory_efficiency);
  json.member("channels0", model.channels0);
  json.member("positions0", model.positions0);
  json.member("winograd_gain", model.winograd_gain);
  write_time(json, "overhead", model.overhead);
  json.member("grade", name_of(model.grade));
  json.member("relative_sigma", model.relative_sigma);
  json.member("source", source);
  json.end_object();
}

void write_memory_kernel(JsonWriter& json, const MemoryKernelModel& model) {
  json.key(info(model.kind).name);
  json.begin_object();
  if (model.times.empty()) {
    json.member("efficiency", model.efficiency);
  } else {
    json.key("sizes");
    json.begin_array(JsonWriter::Layout::kOneLine);
    for (const Bytes size : model.sizes) json.value(std::to_string(size.value()) + " B");
    json.end_array();
    json.key("times");
    json.begin_array(JsonWriter::Layout::kOneLine);
    for (const Seconds time : model.times) json.value(number_text(time.value() * 1e6, 5) + " us");
    json.end_array();
  }
  json.end_object();
}

void write_memory(JsonWriter& json, const DeviceProfile& profile) {
  json.begin_object();
  json.member("efficiency", profile.memory_efficiency);
  write_time(json, "overhead", profile.memory_overhead);
  json.member("grade", name_of(profile.memory_grade));
  json.member("relative_sigma", profile.memory_relative_sigma);
  if (!profile.memory_kernels.empty()) {
    json.key("kernels");
    json.begin_object();
    for (const MemoryKernelModel& model : profile.memory_kernels) write_memory_kernel(json, model);
    json.end_object();
  }
  json.end_object();
}

void write_gemms(JsonWriter& json, const DeviceProfile& profile, const std::string& source) {
  json.begin_object();
  for (std::size_t i = 0; i < profile.gemm.size(); ++i) {
    if (!profile.gemm[i]) continue;
    json.key(name_of(static_cast<Dtype>(i)));
    write_gemm(json, *profile.gemm[i], source);
  }
  json.end_object();
}

void write_attentions(JsonWriter& json, const DeviceProfile& profile, const std::string& source) {
  json.begin_object();
  for (std::size_t i = 0; i < profile.attention.size(); ++i) {
    const std::vector<AttentionModel>& models = profile.attention[i];
    if (models.empty()) continue;
    json.key(name_of(static_cast<Dtype>(i)));
    if (models.size() > 1) json.begin_array();
    for (const AttentionModel& model : models) write_attention(json, model, source);
    if (models.size() > 1) json.end_array();
  }
  json.end_object();
}

void write_convolutions(JsonWriter& json, const DeviceProfile& profile, const std::string& source) {
  const auto& models = profile.convolution;
  if (std::none_of(models.begin(), models.end(), [](const auto& one) { return one.has_value(); }))
    return;
  json.key("convolution");
  json.begin_object();
  for (std::size_t i = 0; i < models.size(); ++i) {
    if (!models[i]) continue;
    json.key(name_of(static_cast<Dtype>(i)));
    write_convolution(json, *models[i], source);
  }
  json.end_object();
}

}  // namespace

void write_device_profile(JsonWriter& json, const DeviceProfile& profile,
                          const std::string& source) {
  json.begin_object();
  json.member("name", profile.name);
  json.member("device", profile.device);
  if (!profile.also_for.empty()) {
    json.key("also_for");
    json.begin_array(JsonWriter::Layout::kOneLine);
    for (const std::string& device : profile.also_for) json.value(device);
    json.end_array();
  }
  json.member("condition", profile.condition);
  json.key("gemm");
  write_gemms(json, profile, source);
  json.key("attention");
  write_attentions(json, profile, source);
  write_convolutions(json, profile, source);
  json.key("memory");
  write_memory(json, profile);
  if (!profile.kernel_library.empty()) json.member("kernel_library", profile.kernel_library);
  if (!profile.points.empty()) {
    json.key("points");
    write_measured_kernels(json, profile.points);
  }
  if (!profile.provenance.empty()) {
    json.key("provenance");
    json.begin_object();
    for (const auto& [key, text] : profile.provenance) json.member(key, text);
    json.end_object();
  }
  json.end_object();
}

}  // namespace stepcast
