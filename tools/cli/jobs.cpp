#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <algorithm>
#include <cstdio>
#include <memory>
#include <utility>

#include "sim/base/json_writer.h"
#include "sim/base/plain_text.h"
#include "sim/base/quantity_text.h"
#include "sim/stepcast.h"
#include "tools/cli/commands.h"
#include "tools/cli/memory_fit.h"
#include "tools/cli/progress.h"
#include "tools/cli/trace_file.h"

namespace stepcast::cli {
namespace {

struct Arguments {
  std::string file;
  std::string trace;
  bool fold = true;
  bool json = false;
  bool ignore_memory = false;
};

std::string gpus_text(const std::vector<std::uint32_t>& gpus) {
  const auto [first, last] = std::ranges::minmax(gpus);
  const std::string range = std::to_string(first) + "-" + std::to_string(last);
  return last - first + 1 == gpus.size() ? range : std::to_string(gpus.size()) + " of " + range;
}

std::string to_table(const SharedCluster& cluster, const SharedPrediction& prediction) {
  std::string text = "# " + cluster.name + ": " + counted(std::ssize(cluster.jobs), "job") +
                     " on " + cluster.topology.name + "\n";
  char line[256];
  std::snprintf(line, sizeof line, "%-24s %14s %10s %6s %12s %12s %9s  %s\n", "job", "GPUs",
                "start", "steps", "alone", "together", "slowdown", "grade");
  text += line;
  for (std::size_t id = 0; id < cluster.jobs.size(); ++id) {
    const ClusterJob& job = cluster.jobs[id];
    const JobOutcome& outcome = prediction.jobs[id];
    std::snprintf(line, sizeof line, "%-24s %14s %10s %6u %12s %12s %9.4f  %s\n", job.name.c_str(),
                  gpus_text(job.gpus).c_str(), to_text(job.start).c_str(), job.steps,
                  to_text(outcome.step_time_alone).c_str(), to_text(outcome.step_time).c_str(),
                  outcome.slowdown(), name_of(outcome.grade).data());
    text += line;
  }
  return text;
}

std::string to_json(const SharedCluster& cluster, const SharedPrediction& prediction) {
  JsonWriter json;
  json.begin_object();
  json.member("schema", "stepcast.jobs/1");
  json.member("name", cluster.name);
  json.member("topology", cluster.topology.name);
  json.key("jobs");
  json.begin_array();
  for (std::size_t id = 0; id < cluster.jobs.size(); ++id) {
    const ClusterJob& job = cluster.jobs[id];
    const JobOutcome& outcome = prediction.jobs[id];
    json.begin_object();
    json.member("name", job.name);
    json.member("scenario", job.scenario.name);
    json.member("num_gpus", static_cast<std::int64_t>(job.gpus.size()));
    json.member("first_gpu", static_cast<std::int64_t>(job.gpus.front()));
    json.member("start_s", job.start.value());
    json.member("steps", static_cast<std::int64_t>(job.steps));
    json.member("step_time_alone_s", outcome.step_time_alone.value());
    json.member("step_time_s", outcome.step_time.value());
    json.member("slowdown", outcome.slowdown());
    json.member("grade", name_of(outcome.grade));
    json.end_object();
  }
  json.end_array();
  json.end_object();
  return json.text();
}

SharedPrediction predict_aloud(const SharedCluster& cluster, bool ignore_memory,
                               const SimulateOptions& options) {
  Activity activity("walking through memory");
  if (!ignore_memory)
    for (const ClusterJob& job : cluster.jobs)
      require_fit(job.scenario, predict_memory(job.scenario, build_programs(job.scenario)));
  activity.now("simulating");
  return predict(cluster, options);
}

int jobs_command(const Arguments& arguments) {
  const SharedCluster cluster = load_shared_cluster(arguments.file, find_library());
  SimulateOptions options;
  options.folding = arguments.fold ? Folding::kFull : Folding::kOff;
  options.spans = !arguments.trace.empty();
  options.attribute = false;
  const SharedPrediction prediction = predict_aloud(cluster, arguments.ignore_memory, options);
  if (options.spans)
    write_trace_file(prediction.job, prediction.together.trace, {}, arguments.trace);
  print(arguments.json ? to_json(cluster, prediction) : to_table(cluster, prediction));
  return 0;
}

}  // namespace

void add_jobs(CLI::App& app, std::function<int()>& run) {
  const auto arguments = std::make_shared<Arguments>();
  app.add_option("file", arguments->file,
                 "jobs and their places: a shipped name (scenarios/shared) or a file")
      ->required();
  app.add_flag("--json", arguments->json, "one JSON document instead of the table");
  app.add_option("--trace", arguments->trace,
                 "write a Chrome trace (.json or .json.gz) of all jobs together");
  app.add_flag("!--no-fold", arguments->fold,
               "simulate every rank apart, also those that would be alike");
  app.add_flag("--ignore-memory", arguments->ignore_memory,
               "predict plans that do not fit in memory");
  run = [arguments] { return jobs_command(*arguments); };
}

}  // namespace stepcast::cli
