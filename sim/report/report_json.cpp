#include "sim/report/report_json.h"

#include <string>

#include "sim/base/json_writer.h"

namespace stepcast {
namespace {

constexpr std::string_view kCategoryNames[kNumBufferCategories] = {
    "parameters_bytes",  "gradients_bytes", "optimizer_state_bytes",
    "activations_bytes", "workspace_bytes", "communication_bytes"};

void write_configuration(JsonWriter& json, const Scenario& scenario) {
  json.member("schema", "stepcast.result/1");
  json.member("scenario", scenario.name);
  json.member("model", scenario.model.name);
  json.member("topology", scenario.topology.name);
  json.member("device", scenario.topology.device.name);
  json.member("num_gpus", scenario.num_gpus);
  json.member("stack", scenario.stack.name);
  json.member("plan", to_text(scenario.plan));
  json.member("tp", scenario.plan.tp);
  json.member("pp", scenario.plan.pp);
  json.member("dp", scenario.plan.dp);
  json.member("micro_batch_size", scenario.plan.micro_batch_size);
  json.member("global_batch_size", scenario.training.global_batch_size);
  json.member("seq_len", scenario.training.seq_len);
  json.member("precision", name_of(scenario.training.precision));
}

void write_published(JsonWriter& json, const Published& published, const Report& report) {
  json.key("published");
  json.begin_object();
  if (published.step_time > Seconds(0)) {
    json.member("step_time_s", published.step_time.value());
    json.member("error", report.step_time / published.step_time - 1);
  }
  if (published.peak_memory > Bytes(0))
    json.member("peak_memory_bytes", published.peak_memory.value());
  json.member("source", published.source);
  json.end_object();
}

void write_speed(JsonWriter& json, const Scenario& scenario, const Report& report) {
  json.member("step_time_s", report.step_time.value());
  json.member("step_time_low_s", report.step_time_low.value());
  json.member("step_time_high_s", report.step_time_high.value());
  json.member("relative_sigma", report.relative_sigma);
  json.member("grade", name_of(report.grade));
  if (!report.warning.empty()) json.member("warning", report.warning);
  if (!scenario.published.source.empty()) write_published(json, scenario.published, report);
  json.member("tokens_per_s", report.tokens_per_s);
  json.member("model_flops_utilization", report.model_flops_utilization);
  json.member("hardware_flops_utilization", report.hardware_flops_utilization);
  json.member("model_flops_per_gpu_per_s", report.achieved_per_gpu.value());
}

void write_shares(JsonWriter& json, std::string_view key, const std::vector<Share>& shares) {
  json.key(key);
  json.begin_array();
  for (const Share& share : shares) {
    json.begin_object(JsonWriter::Layout::kOneLine);
    json.member("name", share.name);
    json.member("time_s", share.time.value());
    json.end_object();
  }
  json.end_array();
}

void write_bytes(JsonWriter& json, std::string_view key, const BytesByCategory& bytes) {
  json.key(key);
  json.begin_object(JsonWriter::Layout::kOneLine);
  for (int c = 0; c < kNumBufferCategories; ++c)
    json.member(kCategoryNames[c], bytes[static_cast<std::size_t>(c)].value());
  json.end_object();
}

void write_stage(JsonWriter& json, const StageMemory& stage) {
  json.begin_object();
  json.member("name", stage.name);
  json.member("peak_memory_bytes", stage.peak.total.value());
  json.member("resident_bytes", stage.peak.resident_total.value());
  json.member("reserved_bytes", stage.reserved.value());
  json.member("capacity_bytes", stage.capacity.value());
  json.member("fit", name_of(stage.fit));
  json.member("cause", stage.peak.cause);
  write_bytes(json, "at_peak", stage.peak.at_peak);
  json.key("largest");
  json.begin_array();
  for (const auto& [name, size] : stage.peak.largest) {
    json.begin_object(JsonWriter::Layout::kOneLine);
    json.member("name", name);
    json.member("size_bytes", size.value());
    json.end_object();
  }
  json.end_array();
  json.end_object();
}

void write_memory(JsonWriter& json, const Report& report) {
  const StageMemory& fullest = report.memory[report.fullest_stage];
  json.member("peak_memory_bytes", fullest.peak.total.value());
  json.member("reserved_memory_bytes", fullest.reserved.value());
  json.member("memory_capacity_bytes", report.memory_capacity.value());
  json.member("fit", name_of(report.fit));
  json.key("stages");
  json.begin_array();
  for (const StageMemory& stage : report.memory) write_stage(json, stage);
  json.end_array();
}

void write_money(JsonWriter& json, const Report& report) {
  json.member("rent_per_step_usd", report.rent_per_step.value());
  json.member("electricity_per_step_usd", report.electricity_per_step.value());
  json.member("energy_per_step_j", report.energy_per_step.value());
  json.member("average_power_w", report.average_power.value());
  const double steps = report.steps_per_trillion_tokens;
  json.key("per_trillion_tokens");
  json.begin_object();
  json.member("time_s", (report.step_time * steps).value());
  json.member("rent_usd", (report.rent_per_step * steps).value());
  json.member("electricity_usd", (report.electricity_per_step * steps).value());
  json.member("energy_j", (report.energy_per_step * steps).value());
  json.member("grade", name_of(Grade::kAssumed));
  json.end_object();
}

void write_devices(JsonWriter& json, const Report& report) {
  json.key("devices");
  json.begin_array();
  for (const DeviceUse& device : report.devices) {
    if (device.gpus == 0) continue;
    json.begin_object(JsonWriter::Layout::kOneLine);
    json.member("name", device.name);
    json.member("gpus", device.gpus);
    json.member("compute_s", device.compute.value());
    json.end_object();
  }
  json.end_array();
}

void write_ranks(JsonWriter& json, const Job& job, const Simulation& simulation) {
  json.key("rank_classes");
  json.begin_array();
  for (const RankReport& rank : simulation.ranks) {
    json.begin_object(JsonWriter::Layout::kOneLine);
    json.member("representative_rank", rank.representative);
    json.member("ranks", rank.count);
    json.member("program", job.programs[rank.program].name);
    json.member("end_s", rank.end.value());
    json.member("compute_s", rank.time.compute.value());
    json.member("wait_tensor_s", rank.time.wait_tensor.value());
    json.member("wait_data_s", rank.time.wait_data.value());
    json.member("wait_embedding_s", rank.time.wait_embedding.value());
    json.member("wait_pipeline_s", rank.time.wait_pipeline.value());
    json.member("transfer_pipeline_s", rank.time.transfer_pipeline.value());
    json.member("wait_host_s", rank.time.wait_host.value());
    json.member("tail_s", rank.time.tail.value());
    json.end_object();
  }
  json.end_array();
}

}  // namespace

std::string report_json(const Scenario& scenario, const Job& job, const Simulation& simulation,
                        const Report& report) {
  JsonWriter json;
  json.begin_object();
  write_configuration(json, scenario);
  write_speed(json, scenario, report);
  write_memory(json, report);
  write_shares(json, "compute", report.compute);
  write_shares(json, "idle", report.idle);
  write_money(json, report);
  write_devices(json, report);
  write_ranks(json, job, simulation);
  json.end_object();
  return json.text();
}

std::string memory_json(const Scenario& scenario, const Report& report) {
  JsonWriter json;
  json.begin_object();
  write_configuration(json, scenario);
  write_memory(json, report);
  json.end_object();
  return json.text();
}

}  // namespace stepcast
