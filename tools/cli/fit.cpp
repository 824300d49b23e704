#include "sim/ledger/fit.h"

#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <CLI/Validators.hpp>
#include <filesystem>
#include <memory>

#include "sim/base/file_io.h"
#include "sim/base/json_writer.h"
#include "sim/base/plain_text.h"
#include "tools/cli/commands.h"
#include "tools/cli/progress.h"
#include "tools/cli/stack_file.h"

namespace stepcast::cli {
namespace {

struct Arguments {
  std::string ledger;
  std::string output;
  std::vector<std::string> where;
  bool json = false;
  FitOptions options;
};

/// "kind=pretrain" -> {"kind", "pretrain"}
std::pair<std::string, std::string> condition(const std::string& text) {
  const std::size_t equals = text.find('=');
  if (equals == std::string::npos)
    throw Error(ErrorKind::kUsage, "--where " + text + ": expected COLUMN=BEGINNING");
  return {text.substr(0, equals), text.substr(equals + 1)};
}

std::string source_of(const Arguments& arguments, const StackFit& fit) {
  return "stepcast fit to " + counted(std::ssize(fit.rows), "row") + " of " +
         std::filesystem::path(arguments.ledger).filename().string();
}

/// A stack file with the traits of the one that was fitted, and the fitted costs.
std::string fitted_stack_json(const Arguments& arguments, const Library& library,
                              const StackFit& fit) {
  StackProfile profile = fit.stack;
  profile.name = std::filesystem::path(arguments.output).stem().string();
  return stack_file_text(arguments.options.stack, profile, source_of(arguments, fit), library);
}

/// "out/mine.json" and "nccl-ib" -> "out/mine-nccl-ib.json": beside the stack.
void write_networks(const Arguments& arguments, const StackFit& fit) {
  const std::filesystem::path stack(arguments.output);
  for (const auto& [name, fitted] : fit.networks) {
    NetworkProfile profile = fitted;
    profile.name = stack.stem().string() + "-" + name;
    JsonWriter json;
    write_network_profile(json, profile, source_of(arguments, fit));
    const std::string file = (stack.parent_path() / (profile.name + ".json")).string();
    write_text_file_atomically(file, json.text());
    std::fprintf(stderr, "fitted network, a scenario's \"network_profile\": %s\n", file.c_str());
  }
}

void write_output(const Arguments& arguments, const Library& library, const StackFit& fit) {
  write_text_file_atomically(arguments.output, fitted_stack_json(arguments, library, fit));
  std::fprintf(stderr, "fitted stack: %s\n", arguments.output.c_str());
  write_networks(arguments, fit);
}

int fit_command(Arguments& arguments) {
  for (const std::string& text : arguments.where)
    arguments.options.where.push_back(condition(text));
  if (arguments.options.leave_out == "none") arguments.options.leave_out.clear();
  const Library library = find_library();
  StackFit fit;
  {
    Progress progress("simulations of a round");
    arguments.options.pool.progress = [&](std::size_t done, std::size_t total) {
      progress.update(done, total);
    };
    fit = fit_stack(arguments.ledger, library, arguments.options);
  }
  print(arguments.json ? to_json(fit) : to_table(fit));
  if (!arguments.output.empty()) write_output(arguments, library, fit);
  return 0;
}

}  // namespace

void add_fit(CLI::App& app, std::function<int()>& run) {
  const auto arguments = std::make_shared<Arguments>();
  FitOptions& options = arguments->options;
  app.add_option("ledger", arguments->ledger, "table of step times (CSV)")->required();
  app.add_option("--stack", options.stack, "the shipped stack to fit")->required();
  app.add_option("--framework", options.frameworks,
                 "rows of these frameworks (the one called as the stack)")
      ->delimiter(',');
  app.add_option("--where", arguments->where,
                 "only rows whose column begins so: kind=pretrain-dense-3d")
      ->take_all();
  app.add_option("--parameters", options.parameters, "what may move (whatever matters to the rows)")
      ->delimiter(',');
  app.add_option("--leave-out", options.leave_out,
                 "column whose values are left out in turn and predicted (model); or none");
  app.add_option("--workers", options.pool.workers, "processes (one for each core)")
      ->check(CLI::Range(1, 1024));
  app.add_option("-o,--output", arguments->output,
                 "write the fitted stack to this file, and the fitted networks beside it");
  app.add_flag("--json", arguments->json, "one JSON document instead of the table");
  run = [arguments] { return fit_command(*arguments); };
}

}  // namespace stepcast::cli
