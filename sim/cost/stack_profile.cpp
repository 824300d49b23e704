// The "costs" of scenarios/stacks/*.json -> StackProfile.
#include "sim/cost/stack_profile.h"

#include <algorithm>
#include <array>
#include <utility>

#include "sim/base/quantity_text.h"

namespace stepcast {
namespace {

struct Factor {
  std::string_view key;
  double StackProfile::*field;
  NumberRange range;
};
constexpr NumberRange kEfficiency = {.min = 0.01, .max = 2};
constexpr NumberRange kSms = {.min = 0, .max = 64};  // NCCL's most channels (MAXCHANNELS)
constexpr std::array<Factor, 12> kFactors = {{
    {"gemm_efficiency", &StackProfile::gemm_efficiency, kEfficiency},
    {"attention_efficiency", &StackProfile::attention_efficiency, kEfficiency},
    {"memory_efficiency", &StackProfile::memory_efficiency, kEfficiency},
    {"network_efficiency", &StackProfile::network_efficiency, kEfficiency},
    {"score_bytes", &StackProfile::score_bytes, {.min = 1, .max = 100}},
    {"score_backward_ratio", &StackProfile::score_backward_ratio, {.min = 0.1, .max = 10}},
    {"misaligned_head_factor", &StackProfile::misaligned_head_factor, {.min = 1, .max = 100}},
    {"logit_bytes", &StackProfile::logit_bytes, {.min = 1, .max = 100}},
    {"fragmentation", &StackProfile::fragmentation, {.min = 1, .max = 4}},
    {"collective_sms", &StackProfile::collective_sms, kSms},
    {"p2p_sms", &StackProfile::p2p_sms, kSms},
    {"collective_memory_share", &StackProfile::collective_memory_share, {.min = 0, .max = 0.9}},
}};

constexpr std::array<std::pair<std::string_view, Seconds StackProfile::*>, 9> kTimes = {{
    {"issue_forward", &StackProfile::issue_forward},
    {"issue_backward", &StackProfile::issue_backward},
    {"issue_update", &StackProfile::issue_update},
    {"issue_collective", &StackProfile::issue_collective},
    {"issue_p2p", &StackProfile::issue_p2p},
    {"per_microbatch", &StackProfile::per_microbatch},
    {"per_step", &StackProfile::per_step},
    {"ring_step_overhead", &StackProfile::ring_step_overhead},
    {"per_shard", &StackProfile::per_shard},
}};
constexpr std::array kPrecisions = {Dtype::kFp32, Dtype::kTf32, Dtype::kFp16, Dtype::kBf16,
                                    Dtype::kFp8};
constexpr Seconds kLongestTime{60};
constexpr Bytes kMostContextMemory{1'000'000'000'000};

/// A quantity from zero to `most`; the default is what `value` holds.
template <typename Q>
void read_bounded(Fields& fields, std::string_view key, Q most, Q& value) {
  value = fields.quantity<Q>(key, value, true);
  if (value > most) fields.reject(key, "= " + to_text(value) + " must be at most " + to_text(most));
}

std::vector<std::string> read_texts(Fields& fields, Problems& problems, std::string_view key) {
  std::vector<std::string> texts;
  const std::optional<JsonValue> list = fields.child(key);
  if (!list) return texts;
  for (const JsonValue& element : list->elements())
    if (const auto text = element.as_string()) texts.push_back(*text);
  if (!list->is_array() || texts.empty() || texts.size() != list->elements().size())
    problems.add(list->problem("must be a list of one text or more"));
  return texts;
}

std::vector<Dtype> read_precisions(Fields& fields, Problems& problems) {
  std::vector<Dtype> precisions;
  for (const std::string& text : read_texts(fields, problems, "fitted_precisions"))
    if (const auto dtype = std::ranges::find(kPrecisions, text, [](Dtype d) { return name_of(d); });
        dtype != kPrecisions.end())
      precisions.push_back(*dtype);
    else
      fields.reject("fitted_precisions",
                    ": \"" + text + "\" is no precision; known: fp32, tf32, fp16, bf16, fp8");
  return precisions;
}

void write_domain(JsonWriter& json, const StackProfile& profile) {
  if (!profile.fitted_generations.empty()) {
    json.key("fitted_generations");
    json.begin_array(JsonWriter::Layout::kOneLine);
    for (const std::string& generation : profile.fitted_generations) json.value(generation);
    json.end_array();
  }
  if (profile.fitted_precisions.empty()) return;
  json.key("fitted_precisions");
  json.begin_array(JsonWriter::Layout::kOneLine);
  for (const Dtype dtype : profile.fitted_precisions) json.value(name_of(dtype));
  json.end_array();
}

}  // namespace

StackProfile read_stack_profile(JsonValue value, Problems& problems) {
  Fields fields(std::move(value), problems);
  StackProfile profile;
  profile.name = fields.text("name");
  profile.grade = fields.grade("grade", Grade::kAssumed);
  fields.text("source", "");
  profile.kernel_library = fields.text("kernel_library", "");
  profile.fitted_generations = read_texts(fields, problems, "fitted_generations");
  profile.fitted_precisions = read_precisions(fields, problems);
  profile.attention_implementation = fields.text("attention_implementation", "");
  for (const auto& [key, field, range] : kFactors)
    profile.*field = fields.number(key, range, profile.*field);
  for (const auto& [key, field] : kTimes) read_bounded(fields, key, kLongestTime, profile.*field);
  read_bounded(fields, "context_memory", kMostContextMemory, profile.context_memory);
  profile.relative_sigma = fields.number("relative_sigma", {.max = 1}, profile.relative_sigma);
  fields.finish();
  return profile;
}

void write_stack_profile(JsonWriter& json, const StackProfile& profile, const std::string& source) {
  json.begin_object();
  json.member("name", profile.name);
  json.member("grade", name_of(profile.grade));
  json.member("source", source);
  if (!profile.kernel_library.empty()) json.member("kernel_library", profile.kernel_library);
  write_domain(json, profile);
  if (!profile.attention_implementation.empty())
    json.member("attention_implementation", profile.attention_implementation);
  for (const auto& [key, field, range] : kFactors) json.member(key, profile.*field);
  for (const auto& [key, field] : kTimes)
    json.member(key, number_text((profile.*field).value() * 1e6) + " us");
  json.member("context_memory", std::to_string(profile.context_memory.value()) + " B");
  json.member("relative_sigma", profile.relative_sigma);
  json.end_object();
}

}  // namespace stepcast
