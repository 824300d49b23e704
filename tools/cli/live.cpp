// stepcast live: the programs that predict simulates, executed.
#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <CLI/Validators.hpp>
#include <algorithm>
#include <cstdio>
#include <exception>
#include <memory>
#include <optional>

#include "kernels/live/comparison.h"
#include "kernels/live/fingerprint.h"
#include "kernels/live/rank_main.h"
#include "kernels/live/text_source.h"
#include "sim/base/file_io.h"
#include "sim/base/printed.h"
#include "sim/base/quantity_text.h"
#include "sim/model/optimizers.h"
#include "sim/stepcast.h"
#include "tools/cli/commands.h"
#include "tools/cli/live_device.h"
#include "tools/cli/live_ranks.h"
#include "tools/cli/live_report.h"
#include "tools/cli/memory_fit.h"
#include "tools/cli/number_option.h"
#include "tools/cli/trace_file.h"

namespace stepcast::cli {
namespace {

constexpr std::size_t kMostTextBytes = std::size_t{1} << 30;
/// Ranks per core; beyond it a run measures the system's scheduler.
constexpr std::size_t kMostSharing = 8;

struct Arguments {
  std::string scenario;
  std::int64_t steps = 20;
  std::int64_t rounds = 8;
  std::uint64_t seed = 1;
  std::optional<double> learning_rate;
  double stand_still_s = 10;
  std::string device = "auto", text, trace, loss_csv;
  bool reference = false, through_host = false, json = false, compare = false, local = false;
};

/// What ranks are to have in common beside LiveOptions.
std::string choices_of(const Arguments& arguments, const LiveRanks& ranks) {
  std::string text = "device " + arguments.device;
  if (arguments.through_host) text += ", through the host";
  if (arguments.reference) text += ", plain loops";
  if (arguments.text.empty() || ranks.on_this_machine()) return text;
  return text + ", a text with fingerprint " +
         std::to_string(fingerprint(read_text_file(arguments.text, kMostTextBytes)));
}

std::unique_ptr<BatchSource> batches_of(const Arguments& arguments, const Scenario& scenario) {
  if (arguments.text.empty())
    return std::make_unique<CountingTask>(scenario.model.vocab_size, arguments.seed);
  if (scenario.model.vocab_size < 256)
    throw Error(ErrorKind::kUnsupported,
                "--text needs a model.vocab_size of 256 or more, a word for every byte; it is " +
                    std::to_string(scenario.model.vocab_size));
  return std::make_unique<TextTask>(read_text_file(arguments.text, kMostTextBytes),
                                    scenario.training.seq_len, arguments.seed, arguments.text);
}

void check_cores(const Job& job) {
  const std::size_t cores = usable_cores().size();
  if (job.ranks.size() > kMostSharing * cores)
    throw Error(ErrorKind::kUnsupported,
                std::to_string(job.ranks.size()) + " ranks on the " + std::to_string(cores) +
                    " cores of this machine would mostly wait for each other; at most " +
                    std::to_string(kMostSharing * cores) + " are run");
}

/// When each op of the last step ran, from the step's begin.
Trace last_step(const LiveOutcome& outcome) {
  double begin = 0;
  for (const RankRecords& rank : outcome.ranks)
    if (!rank.last_ops.empty() && (begin == 0 || rank.last_ops.front().begin < begin))
      begin = rank.last_ops.front().begin;
  Trace trace{.spans = {}, .complete = outcome.failure.empty()};
  for (std::size_t r = 0; r < outcome.ranks.size(); ++r)
    for (const TimedOp& op : outcome.ranks[r].last_ops)
      trace.spans.push_back({.rank = static_cast<Rank>(r),
                             .call = op.call,
                             .op = op.op,
                             .begin = Seconds(op.begin - begin),
                             .end = Seconds(op.end - begin)});
  return trace;
}

void write_loss_csv(const LiveOutcome& outcome, const Job& job, const std::string& file) {
  std::string text = "step,loss\n";
  const std::vector<double> losses = outcome.losses(job);
  for (std::size_t i = 0; i < losses.size(); ++i) text += printed("%zu,%.9g\n", i + 1, losses[i]);
  if (!outcome.failure.empty()) text += "# incomplete: the run ended early\n";
  write_text_file_atomically(file, text);
}

void write_trace(const LiveRun& run, const std::string& file) {
  if (run.comparison && run.comparison->not_measurable.empty())
    return write_both_traces(run.job, run.comparison->predicted_trace,
                             run.comparison->measured_trace, "predicted", "measured", file);
  std::vector<std::vector<Bytes>> memory;
  for (const Program& program : run.job.programs) memory.push_back(memory_by_call(program));
  write_trace_file(run.job, last_step(run.outcome), memory, file);
}

/// Results and files: each is tried, whatever became of those before it. Returns what went wrong
/// first; empty: nothing did.
std::optional<Error> put_out(const Arguments& arguments, const LiveRun& run) {
  std::optional<Error> first;
  const auto attempt = [&](const auto& output) {
    try {
      output();
    } catch (const Error& error) {
      if (!first) first = error;
    }
  };
  attempt([&] { print(arguments.json ? live_json(run) : live_table(run)); });
  if (!arguments.loss_csv.empty())
    attempt([&] { write_loss_csv(run.outcome, run.job, arguments.loss_csv); });
  if (!arguments.trace.empty()) attempt([&] { write_trace(run, arguments.trace); });
  return first;
}

/// To be called after everything else: what a run measured until it went wrong is not lost.
void raise_failures(const LiveRun& run) {
  if (!run.outcome.failure.empty()) throw Error(ErrorKind::kLiveRank, run.outcome.failure);
  for (const ComparedMemory& rank : run.memory)
    if (rank.measured != rank.predicted)
      throw Error(ErrorKind::kLiveRank,
                  rank.name + " had " + std::to_string(rank.measured.value()) +
                      " bytes alive at its peak, and the memory walk says " +
                      std::to_string(rank.predicted.value()) + "; please report this scenario");
}

void check_ranks(const LiveRanks& ranks, const Job& job) {
  if (ranks.on_this_machine()) check_cores(job);
}

/// All but the platform.
LiveOptions options_of(const Arguments& arguments, const Scenario& scenario,
                       const BatchSource& batches) {
  return {.batches = &batches,
          .adam = {.learning_rate = arguments.learning_rate.value_or(
                       find_optimizer(scenario.training.optimizer).learning_rate)},
          .seed = arguments.seed,
          .steps = arguments.compare ? kWarmUpSteps : arguments.steps,
          .rounds = arguments.compare ? arguments.rounds : 0,
          .stand_still_s = arguments.stand_still_s};
}

/// Of who speaks. Returns what went wrong: the others wait for a word before they end.
std::exception_ptr try_to_compare(const LiveRanks& ranks, LiveRun& run) {
  try {
    if (ranks.speaks()) run.comparison = compare(run.scenario, run.job, run.outcome);
  } catch (...) {
    return std::current_exception();
  }
  return nullptr;
}

/// Runs them, and once more when other programs were in the way of a comparison.
void run_ranks(LiveRanks& ranks, bool compared, const LiveOptions& options, LiveRun& run) {
  run.outcome = ranks.run(run.job, options);
  if (!compared) return;
  const std::exception_ptr wrong = try_to_compare(ranks, run);
  if (!run.outcome.failure.empty()) return;  // the other ranks that mpirun started are gone
  const bool again = ranks.agree(run.comparison && run.comparison->worth_another_try);
  if (wrong) std::rethrow_exception(wrong);
  if (!again) return;
  if (ranks.speaks()) {
    run.first_attempt = run.comparison->not_measurable;
    std::fprintf(stderr, "not measurable: %s. Trying once more\n", run.first_attempt.c_str());
  }
  run.outcome = ranks.run(run.job, options);
  if (ranks.speaks()) run.comparison = compare(run.scenario, run.job, run.outcome);
}

/// Prints and writes the outcome, whatever it is, and throws what went wrong.
void conclude(const Arguments& arguments, LiveRun& run) {
  run.memory = compare_memory(run.job, run.outcome);
  const std::optional<Error> not_put_out = put_out(arguments, run);
  if (not_put_out && !run.outcome.failure.empty())
    std::fprintf(stderr, "%s\n", not_put_out->what());
  raise_failures(run);
  if (not_put_out) throw *not_put_out;
}

void check_devices(const Scenario& scenario) {
  if (!scenario.further_devices.empty())
    throw Error(ErrorKind::kUnsupported,
                scenario.file +
                    ": the plan uses nodes of several devices, "
                    "and live ranks are all alike; take nodes of one device");
}

/// An hour of training is not to end at a folder that is not there. (Under mpirun the folder may be
/// on another machine.)
void check_outputs(const Arguments& arguments, const LiveRanks& ranks) {
  if (!ranks.on_this_machine()) return;
  for (const std::string& file : {arguments.trace, arguments.loss_csv})
    if (!file.empty()) check_can_write(file);
}

int live_on(LiveRanks& ranks, const Arguments& arguments) {
  const Library library = find_library();
  const Scenario scenario = load_scenario(arguments.scenario, library);
  check_devices(scenario);
  if (arguments.compare) check_comparable(scenario);
  LiveRun run{.scenario = scenario, .job = build_programs(scenario), .outcome = {}, .memory = {}};
  require_fit(scenario, predict_memory(scenario, run.job));
  check_ranks(ranks, run.job);
  check_outputs(arguments, ranks);
  const auto batches = batches_of(arguments, scenario);
  LiveOptions options = options_of(arguments, scenario, *batches);
  const auto last_words = [&](const LiveOutcome& outcome, const std::string& device) {
    run.outcome = outcome;
    run.device = device;
    run.peak.unknown = "rank 0, which knows it, is gone";
    if (arguments.compare) run.comparison = compare(run.scenario, run.job, run.outcome);
    conclude(arguments, run);
  };
  if (const auto code = ranks.look_after(run.job, options, last_words)) return *code;
  ranks.check_agreement(run.job, options, choices_of(arguments, ranks));
  const ChosenDevice device = choose_device({.device = arguments.device,
                                             .reference = arguments.reference,
                                             .through_host = arguments.through_host},
                                            ranks, scenario, run.job, library);
  ranks.computes_on(run.device = device.name);
  run.peak = device.peak;
  options.platform = device.platform.get();
  run_ranks(ranks, arguments.compare, options, run);
  if (ranks.speaks()) conclude(arguments, run);
  return 0;
}

int live_command(const Arguments& arguments) {
  const std::unique_ptr<LiveRanks> ranks = live_ranks(arguments.local, arguments.stand_still_s);
  try {
    return live_on(*ranks, arguments);
  } catch (...) {
    return ranks->end(failure_of(std::current_exception()));
  }
}

}  // namespace

int refuse_live(const Failure& failure, bool local) {
  return live_ranks(local, Arguments{}.stand_still_s)->end(failure);
}

void add_live(CLI::App& app, std::function<int()>& run) {
  const auto arguments = std::make_shared<Arguments>();
  app.add_option("scenario", arguments->scenario, "a shipped name (live-*) or a file")->required();
  CLI::Option* steps = app.add_option("--steps", arguments->steps, "steps to train (20)")
                           ->check(CLI::Range(std::int64_t{1}, std::int64_t{1'000'000}));
  app.add_option("--seed", arguments->seed, "of weights and data (1)")
      ->check(number_in(0, 9007199254740992.0));
  app.add_option("--learning-rate", arguments->learning_rate,
                 "instead of the optimizer's own (stepcast list optimizers)")
      ->check(number_in(0, 1e30));
  app.add_option("--text", arguments->text, "train on the bytes of a file, not on a made-up task");
  app.add_option("--device", arguments->device,
                 "cpu: cores; cuda: GPUs; auto: what the scenario's topology has (auto)")
      ->check(CLI::IsMember({"cpu", "cuda", "auto"}));
  app.add_flag("--reference", arguments->reference, "plain loops instead of fast kernels");
  app.add_flag("--through-host", arguments->through_host,
               "GPUs communicate by memory of the host, as those that share one do, not by NCCL");
  app.add_flag("--json", arguments->json, "one JSON document instead of the table");
  app.add_option("--trace", arguments->trace,
                 "write a Chrome trace of the last step (.json or .json.gz) for Perfetto; with "
                 "--compare the predicted step beside a measured one");
  app.add_option("--loss-csv", arguments->loss_csv, "write step,loss to a file");
  app.add_option("--stand-still", arguments->stand_still_s,
                 "seconds after which a rank that does nothing has failed (10)")
      ->check(number_in(2, 1e6));
  app.add_flag("--local", arguments->local,
               "ranks on this machine, though mpirun started this process");
  CLI::Option* compare = app.add_flag(
      "--compare", arguments->compare,
      "time kernels and steps in turn, predict the steps from the kernels, and print both");
  compare->excludes(steps);  // it has rounds
  app.add_option("--rounds", arguments->rounds, "with --compare: of kernels and 4 steps (8)")
      ->check(CLI::Range(std::int64_t{2}, std::int64_t{10'000}))
      ->needs(compare);
  run = [arguments] { return live_command(*arguments); };
}

}  // namespace stepcast::cli
