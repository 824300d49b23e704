#include "tools/cli/simulation_arguments.h"

#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <CLI/Validators.hpp>

namespace stepcast::cli {

void SimulationArguments::declare(CLI::App& app) {
  app.add_option("--fidelity", fidelity,
                 "fluid: a collective is one activity; message: every chunk is a flow (small jobs)")
      ->check(CLI::IsMember({"fluid", "message"}));
  app.add_option("--no-fold", folding,
                 "simulate ranks apart that would be alike: without a value or with none all of "
                 "them, with dp only data-parallel replicas; full folds whatever is alike, as "
                 "without this option")
      ->expected(0, 1)
      ->default_str("none")
      ->check(CLI::IsMember({"none", "dp", "full"}));
}

SimulateOptions SimulationArguments::options() const {
  SimulateOptions options;
  if (fidelity == "message") options.fidelity = Fidelity::kMessage;
  if (folding == "dp") options.folding = Folding::kKeepReplicas;
  if (folding == "none") options.folding = Folding::kOff;
  return options;
}

}  // namespace stepcast::cli
