#include "tools/cli/live_report.h"

#include <algorithm>
#include <cmath>

#include "sim/base/json_writer.h"
#include "sim/base/plain_text.h"
#include "sim/base/printed.h"
#include "sim/base/quantity_text.h"
#include "sim/ledger/statistics.h"

namespace stepcast::cli {
namespace {

/// Times of the steps of a training run that count.
struct StepTimes {
  std::vector<double> seconds;  ///< of clean steps, or of all when hardly any is clean
  std::size_t timed = 0, disturbed = 0;
};

StepTimes step_times(const LiveRun& run) {
  const std::vector<RankRecords>& ranks = run.outcome.ranks;
  const std::size_t steps = run.outcome.losses(run.job).size();
  StepTimes times;
  std::vector<double> all;
  for (std::size_t s = 0; s < steps; ++s) {
    if (!ranks.front().steps[s].timed) continue;
    ++times.timed;
    all.push_back(step_time(ranks, s).value());
    if (is_clean(ranks, s))
      times.seconds.push_back(all.back());
    else
      ++times.disturbed;
  }
  if (times.seconds.empty()) times.seconds = all;
  return times;
}

/// The model's FLOPs of a step in the time that it took.
struct Utilization {
  Flops model_flops{};
  Seconds step{};  ///< median of those that were measured

  FlopsPerSec rate() const { return model_flops / step; }
};

/// Nothing when no step was measured.
std::optional<Utilization> utilization_of(const LiveRun& run) {
  const Training& training = run.scenario.training;
  Utilization found{.model_flops = training_flops(run.scenario.model, training.seq_len,
                                                  training.global_batch_size)};
  if (run.comparison) {
    if (!run.comparison->not_measurable.empty()) return std::nullopt;
    found.step = run.comparison->measured;
  } else {
    const StepTimes times = step_times(run);
    if (times.seconds.empty()) return std::nullopt;
    found.step = Seconds(median(times.seconds));
  }
  return found;
}

/// "model FLOP/s utilisation 41.2 %: 408 TFLOP/s of the 989.5 TFLOP/s of 1 x H200-SXM-141GB"
std::string utilization_line(const LiveRun& run) {
  const std::optional<Utilization> found = utilization_of(run);
  if (!found) return {};
  if (run.peak.rate.value() <= 0)
    return printed("model FLOP/s %s; of an unknown peak: %s\n", to_text(found->rate()).c_str(),
                   run.peak.unknown.c_str());
  return printed("model FLOP/s utilisation %.1f %%: %s of the %s of %s\n",
                 100 * (found->rate() / run.peak.rate), to_text(found->rate()).c_str(),
                 to_text(run.peak.rate).c_str(), run.peak.of.c_str());
}

void write_utilization(JsonWriter& json, const LiveRun& run) {
  const std::optional<Utilization> found = utilization_of(run);
  if (!found) return;
  json.member("model_flops_per_step", found->model_flops.value());
  json.member("model_flops_per_s", found->rate().value());
  if (run.peak.rate.value() <= 0) return json.member("peak_unknown", run.peak.unknown);
  json.member("peak_of", run.peak.of);
  json.member("peak_flops_per_s", run.peak.rate.value());
  json.member("model_flops_utilization", found->rate() / run.peak.rate);
}

bool equal(const ComparedMemory& memory) { return memory.predicted == memory.measured; }

/// About so many lines, the last step among them.
std::string losses_table(const std::vector<double>& losses, std::size_t lines) {
  const std::size_t stride = std::max<std::size_t>(1, losses.size() / lines);
  std::string text;
  for (std::size_t i = 0; i < losses.size(); ++i)
    if (i % stride == 0 || i + 1 == losses.size())
      text += printed("step %6zu   loss %s\n", i + 1,
                      std::isnan(losses[i]) ? "nan" : printed("%.6f", losses[i]).c_str());
  return text;
}

std::string memory_lines(const std::vector<ComparedMemory>& memory) {
  std::string text;
  for (const ComparedMemory& rank : memory)
    text += printed("  %-28s peak %s%s\n", rank.name.c_str(), to_text(rank.measured).c_str(),
                    equal(rank) ? ", as predicted to the byte"
                                : (", predicted " + to_text(rank.predicted)).c_str());
  return text;
}

std::string parts_table(const std::string& title, const std::vector<ComparedPart>& parts) {
  if (parts.empty()) return {};
  std::string text =
      printed("%12s %12s %10s  %s\n", "predicted", "measured", "error", title.c_str());
  for (const ComparedPart& part : parts) {
    const bool both = part.predicted > Seconds(0) && part.measured > Seconds(0);
    text += printed(
        "%12s %12s %10s  %s\n", to_text(part.predicted).c_str(), to_text(part.measured).c_str(),
        both ? printed("%+.1f %%", 100 * part.error()).c_str() : "-", part.name.c_str());
  }
  return text;
}

/// "12.0 ms, 8.1 % of the step".
std::string share_text(Seconds part, Seconds step) {
  return printed("%s, %.1f %% of the step", to_text(part).c_str(), 100 * (part / step));
}

std::string step_lines(const LiveComparison& comparison) {
  std::string text = printed(
      "step: predicted %s (%s with warm caches, %s with cold ones)\n"
      "      measured  %s (q10 %s, q90 %s)\n"
      "error %+.1f %% over %zu rounds; %zu of %zu steps disturbed\n",
      to_text(comparison.predicted).c_str(), to_text(comparison.predicted_warm).c_str(),
      to_text(comparison.predicted_cold).c_str(), to_text(comparison.measured).c_str(),
      to_text(comparison.measured_q10).c_str(), to_text(comparison.measured_q90).c_str(),
      100 * comparison.error, comparison.rounds_used, comparison.disturbed, comparison.steps);
  if (const auto& bubble = comparison.parts.bubble)
    text += printed("pipeline bubble: predicted %s, measured %s\n",
                    share_text(bubble->predicted, comparison.predicted).c_str(),
                    share_text(bubble->measured, comparison.measured).c_str());
  if (comparison.ranks_per_core > 1)
    text += printed(
        "up to %d ranks share a core or a GPU: an op's time holds the turns of the\n"
        "others, and where a wait ends is rough\n",
        static_cast<int>(comparison.ranks_per_core));
  return text;
}

std::string comparison_table(const LiveRun& run) {
  const LiveComparison& comparison = *run.comparison;
  std::string text;
  if (!run.first_attempt.empty())
    text = "second attempt; the first was not measurable: " + run.first_attempt + "\n";
  if (!comparison.not_measurable.empty())
    return text + "not measurable now: " + comparison.not_measurable + "\n";
  text += step_lines(comparison);
  text += parts_table("kernels by phase", comparison.parts.phases);
  text += parts_table("kernels by class", comparison.parts.classes);
  text += parts_table("communication and waiting", comparison.parts.exposed);
  text += parts_table("most of the difference", comparison.parts.worst);
  return text;
}

void write_parts(JsonWriter& json, const char* name, const std::vector<ComparedPart>& parts) {
  json.key(name);
  json.begin_array();
  for (const ComparedPart& part : parts) {
    json.begin_object(JsonWriter::Layout::kOneLine);
    json.member("name", part.name);
    json.member("predicted_s", part.predicted.value());
    json.member("measured_s", part.measured.value());
    json.end_object();
  }
  json.end_array();
}

void write_comparison(JsonWriter& json, const LiveRun& run) {
  const LiveComparison& comparison = *run.comparison;
  json.key("comparison");
  json.begin_object();
  json.member("attempts", run.first_attempt.empty() ? 1 : 2);
  if (!run.first_attempt.empty()) json.member("first_attempt_reason", run.first_attempt);
  json.member("measurable", comparison.not_measurable.empty());
  if (comparison.not_measurable.empty()) {
    json.member("rounds", comparison.rounds_used);
    json.member("predicted_step_time_s", comparison.predicted.value());
    json.member("predicted_step_time_warm_s", comparison.predicted_warm.value());
    json.member("predicted_step_time_cold_s", comparison.predicted_cold.value());
    json.member("measured_step_time_s", comparison.measured.value());
    json.member("measured_step_time_q10_s", comparison.measured_q10.value());
    json.member("measured_step_time_q90_s", comparison.measured_q90.value());
    json.member("error", comparison.error);
    if (const auto& bubble = comparison.parts.bubble) {
      json.member("predicted_bubble_s", bubble->predicted.value());
      json.member("measured_bubble_s", bubble->measured.value());
    }
    write_parts(json, "phases", comparison.parts.phases);
    write_parts(json, "classes", comparison.parts.classes);
    write_parts(json, "exposed", comparison.parts.exposed);
    write_parts(json, "worst", comparison.parts.worst);
  } else {
    json.member("reason", comparison.not_measurable);
  }
  json.member("steps", comparison.steps);
  json.member("disturbed_steps", comparison.disturbed);
  json.member("ranks_per_core", comparison.ranks_per_core);
  json.end_object();
}

void write_memory(JsonWriter& json, const std::vector<ComparedMemory>& memory) {
  json.key("memory");
  json.begin_array();
  for (const ComparedMemory& rank : memory) {
    json.begin_object(JsonWriter::Layout::kOneLine);
    json.member("name", rank.name);
    json.member("predicted_peak_bytes", rank.predicted.value());
    json.member("measured_peak_bytes", rank.measured.value());
    json.end_object();
  }
  json.end_array();
}

}  // namespace

std::string live_table(const LiveRun& run) {
  std::string text = printed("%s: %s on %s, %s\n", run.scenario.name.c_str(),
                             counted(std::ssize(run.job.ranks), "rank").c_str(), run.device.c_str(),
                             to_text(run.scenario.plan).c_str());
  text += losses_table(run.outcome.losses(run.job), run.comparison ? 1 : 20);
  if (run.comparison) {
    text += comparison_table(run);
  } else if (const StepTimes times = step_times(run); times.timed > 0) {
    text += printed("step time: median %s (q10 %s, q90 %s), %zu of %zu steps disturbed\n",
                    to_text(Seconds(median(times.seconds))).c_str(),
                    to_text(Seconds(percentile(times.seconds, 0.1))).c_str(),
                    to_text(Seconds(percentile(times.seconds, 0.9))).c_str(), times.disturbed,
                    times.timed);
  } else if (run.outcome.failure.empty()) {
    text +=
        printed("step time: none measured, since the first %d steps warm up; take more --steps\n",
                static_cast<int>(kWarmUpSteps));
  }
  text += utilization_line(run);
  text += memory_lines(run.memory);
  if (!run.outcome.failure.empty()) text += "incomplete: the run ended early\n";
  return text;
}

std::string live_json(const LiveRun& run) {
  const std::vector<double> losses = run.outcome.losses(run.job);
  JsonWriter json;
  json.begin_object();
  json.member("schema", "stepcast.live/1");
  json.member("scenario", run.scenario.name);
  json.member("ranks", run.job.ranks.size());
  json.member("device", run.device);
  json.member("complete", run.outcome.failure.empty());
  if (!run.outcome.failure.empty()) json.member("failure", run.outcome.failure);
  json.key("losses");
  json.begin_array(JsonWriter::Layout::kOneLine);
  // A loss that is no number ends a run; JSON has no word for it.
  for (const double loss : losses) std::isfinite(loss) ? json.value(loss) : json.null();
  json.end_array();
  if (const StepTimes times = step_times(run); times.timed > 0) {
    json.member("step_time_median_s", median(times.seconds));
    json.member("step_time_q10_s", percentile(times.seconds, 0.1));
    json.member("step_time_q90_s", percentile(times.seconds, 0.9));
    json.member("timed_steps", times.timed);
    json.member("disturbed_steps", times.disturbed);
  }
  write_utilization(json, run);
  write_memory(json, run.memory);
  if (run.comparison) write_comparison(json, run);
  json.end_object();
  return json.text();
}

}  // namespace stepcast::cli
