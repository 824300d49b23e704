#include "sim/report/report_text.h"

#include <algorithm>
#include <cmath>
#include <string_view>

#include "sim/base/printed.h"
#include "sim/base/quantity_text.h"

namespace stepcast {
namespace {

constexpr int kBarWidth = 30;
constexpr std::size_t kPageWidth = 80;
constexpr std::size_t kFigureColumn = 18;  // where the figures of the upper half begin

/// `text`, which begins at `column`, broken after `separator` where a line would grow beyond the
/// page; what follows begins at `column`, too. Ends in a line break.
std::string wrapped(const std::string& text, std::size_t column, std::string_view separator) {
  const std::string next_line = "\n" + std::string(column, ' ');
  std::string page;
  std::size_t used = column;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t found = text.find(separator, at);
    const std::size_t end =
        found == std::string::npos ? text.size() : found + separator.find_last_not_of(' ') + 1;
    const bool first = at == 0;
    if (!first && used + 1 + end - at > kPageWidth) {
      page += next_line;
      used = column;
    } else if (!first) {
      page += ' ';
      ++used;
    }
    page += text.substr(at, end - at);
    used += end - at;
    at = found == std::string::npos ? text.size() : found + separator.size();
  }
  return page + "\n";
}

/// A line about the measured time, if there is one.
std::string published_line(Seconds predicted, Seconds published) {
  if (published <= Seconds(0)) return "";
  return printed("  published       %s, predicted %+.1f %%\n", to_text(published).c_str(),
                 100 * (predicted / published - 1));
}

std::string published_memory(Bytes peak) {
  return peak > Bytes(0) ? "   published " + to_text(peak) : "";
}

std::string shares_text(const std::vector<Share>& shares, Seconds step) {
  std::string text;
  for (const Share& share : shares) {
    const double part = share.time / step;
    if (part < 0.0005) continue;
    const std::string bar(static_cast<std::size_t>(std::lround(part * kBarWidth)), '#');
    text += printed("    %-30s %5.1f %%  %9s", share.name.c_str(), 100 * part,
                    to_text(share.time).c_str());
    text += (bar.empty() ? "" : "  " + bar) + "\n";
  }
  return text;
}

double gib(Bytes size) { return static_cast<double>(size.value()) / (1 << 30); }

std::string stage_line(const StageMemory& stage, int name_width) {
  const auto at_peak = [&](BufferCategory category) {
    return gib(stage.peak.at_peak[static_cast<std::size_t>(category)]);
  };
  return printed(
      "  %-*s %6.2f %6.2f %6.2f %6.2f %6.2f %6.2f %8.2f %s\n", name_width, stage.name.c_str(),
      at_peak(BufferCategory::kParameters), at_peak(BufferCategory::kGradients),
      at_peak(BufferCategory::kOptimizerState), at_peak(BufferCategory::kActivations),
      at_peak(BufferCategory::kWorkspace) + at_peak(BufferCategory::kCommunication),
      gib(stage.peak.total), gib(stage.reserved), std::string(name_of(stage.fit)).c_str());
}

std::string stages_table(const Report& report) {
  std::size_t width = 14;  // "stage 10 of 16"
  for (const StageMemory& stage : report.memory) width = std::max(width, stage.name.size());
  const int name_width = static_cast<int>(width);
  std::string text = printed("  %-*s %6s %6s %6s %6s %6s %6s %8s\n", name_width, "GiB", "params",
                             "grads", "optim", "activ", "other", "peak", "reserved");
  for (const StageMemory& stage : report.memory) text += stage_line(stage, name_width);
  return text;
}

/// "16 x A100-SXM-80GB and 8 x H100-SXM-80GB"
std::string devices_text(const Report& report) {
  std::string text;
  for (const DeviceUse& device : report.devices) {
    if (device.gpus == 0) continue;
    text += (text.empty() ? "" : " and ") + std::to_string(device.gpus) + " x " + device.name;
  }
  return text;
}

/// Who sets the pace, where devices differ.
std::string pace_text(const Report& report) {
  if (report.devices.size() == 1) return "";
  std::string text = "  busy\n";
  for (const DeviceUse& device : report.devices)
    if (device.gpus > 0)
      text += shares_text({{std::to_string(device.gpus) + " x " + device.name, device.compute}},
                          report.step_time);
  return text;
}

std::string headline(const Scenario& scenario, const Report& report) {
  const std::string plan = to_text(scenario.plan) + ", global batch " +
                           std::to_string(scenario.training.global_batch_size) + " x " +
                           std::to_string(scenario.training.seq_len) + " tokens, " +
                           std::string(name_of(scenario.training.precision));
  return scenario.name + "\n  " + scenario.model.name + " on " + devices_text(report) + " (" +
         scenario.topology.name + "), " + scenario.stack.name + "\n  " + wrapped(plan, 2, ", ") +
         "\n";
}

std::string speed_text(const Scenario& scenario, const Report& report) {
  std::string text =
      printed("  step time       %s   (90 %%: %s to %s, %s)\n", to_text(report.step_time).c_str(),
              to_text(report.step_time_low).c_str(), to_text(report.step_time_high).c_str(),
              std::string(name_of(report.grade)).c_str());
  text += published_line(report.step_time, scenario.published.step_time);
  if (!report.warning.empty())
    text += "  beware          " + wrapped(report.warning, kFigureColumn, " ");
  text += printed("  tokens/s        %s\n", with_thousands(report.tokens_per_s).c_str());
  text += printed("  utilisation     model %.1f %%, hardware %.1f %% of peak; %s per GPU\n",
                  100 * report.model_flops_utilization, 100 * report.hardware_flops_utilization,
                  to_text(report.achieved_per_gpu).c_str());
  return text;
}

/// "15.3 USD rent, 6.27 kWh, 0.627 USD electricity"; what has no price is left out.
std::string bill(Dollars rent, Joules energy, Dollars electricity) {
  std::string text = rent > Dollars(0) ? to_text(rent) + " rent, " : "";
  text += to_text(energy);
  return text + (electricity > Dollars(0) ? ", " + to_text(electricity) + " electricity" : "");
}

std::string source_of_prices(const Scenario& scenario) {
  const Topology& topology = scenario.topology;
  if (topology.price_per_gpu_hour == DollarsPerHour{} &&
      topology.electricity_price == DollarsPerJoule{})
    return "no prices given: \"prices\" of the scenario";
  return scenario.own_prices ? "prices: the scenario's" : "prices assumed: see the topology";
}

std::string money_text(const Scenario& scenario, const Report& report) {
  const double steps = report.steps_per_trillion_tokens;
  const std::string step =
      bill(report.rent_per_step, report.energy_per_step, report.electricity_per_step);
  const std::string tokens = printed("%.3g days, ", (report.step_time * steps).value() / 86400) +
                             bill(report.rent_per_step * steps, report.energy_per_step * steps,
                                  report.electricity_per_step * steps);
  return "  per step        " + wrapped(step, kFigureColumn, ", ") + "  per 1e12 tokens " +
         wrapped(tokens, kFigureColumn, ", ") + std::string(kFigureColumn, ' ') + "(" +
         source_of_prices(scenario) + ")\n";
}

}  // namespace

std::string report_table(const Scenario& scenario, const Report& report) {
  std::string text =
      headline(scenario, report) + speed_text(scenario, report) + money_text(scenario, report);
  text +=
      "\n  where the step goes (mean over ranks)\n" + shares_text(report.compute, report.step_time);
  text += "  idle\n" + shares_text(report.idle, report.step_time);
  text += pace_text(report);
  text += printed("\n  memory per rank: %s in the fullest stage of %s, %s%s\n",
                  to_text(report.memory[report.fullest_stage].reserved).c_str(),
                  to_text(report.memory_capacity).c_str(), std::string(name_of(report.fit)).c_str(),
                  published_memory(scenario.published.peak_memory).c_str());
  return text + stages_table(report);
}

std::string peak_table(const Report& report) {
  const StageMemory& fullest = report.memory[report.fullest_stage];
  std::string text = "  peak of " + fullest.name + ": " + fullest.peak.cause + "\n";
  for (const auto& [name, size] : fullest.peak.largest)
    text += printed("    %-40s %10s\n", name.c_str(), to_text(size).c_str());
  return text;
}

std::string memory_table(const Scenario& scenario, const Report& report) {
  return headline(scenario, report) +
         printed("  capacity %s, %s\n", to_text(report.memory_capacity).c_str(),
                 std::string(name_of(report.fit)).c_str()) +
         stages_table(report) + "\n" + peak_table(report);
}

}  // namespace stepcast
