#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <memory>

#include "sim/program/text.h"
#include "sim/stepcast.h"
#include "tools/cli/commands.h"

namespace stepcast::cli {
namespace {

int program_command(const std::string& file, std::int64_t rank) {
  const Scenario scenario = load_scenario(file, find_library());
  const Job job = build_programs(scenario);
  if (rank < 0 || rank >= static_cast<std::int64_t>(job.ranks.size()))
    throw Error(ErrorKind::kUsage, "--rank " + std::to_string(rank) + " must be 0 to " +
                                       std::to_string(job.ranks.size() - 1) +
                                       ", the ranks of this plan");
  print(to_text(job.programs[job.ranks[static_cast<std::size_t>(rank)].program]));
  return 0;
}

}  // namespace

void add_program(CLI::App& app, std::function<int()>& run) {
  const auto scenario = std::make_shared<std::string>();
  const auto rank = std::make_shared<std::int64_t>(0);
  app.add_option("scenario", *scenario, "a shipped name or a file")->required();
  app.add_option("--rank", *rank, "global rank (0)");
  run = [scenario, rank] { return program_command(*scenario, *rank); };
}

}  // namespace stepcast::cli
