#include "sim/ledger/validate.h"

#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <CLI/Validators.hpp>
#include <algorithm>
#include <cstdio>
#include <memory>

#include "sim/ledger/validation_text.h"
#include "tools/cli/commands.h"
#include "tools/cli/progress.h"

namespace stepcast::cli {
namespace {

struct Arguments {
  std::string ledger;
  bool json = false;
  bool rows = false;
  bool by_given = false;
  ValidateOptions options;
};

/// A label that no row has makes no groups; that is easily a slip.
void warn_of_empty_labels(const Validation& validation, const std::vector<std::string>& labels) {
  for (const std::string& label : labels) {
    const bool grouped = std::any_of(
        validation.groups.begin(), validation.groups.end(),
        [&](const GroupSummary& group) { return group.by == label && !group.name.empty(); });
    if (!grouped) std::fprintf(stderr, "--by %s: no predicted row has this label\n", label.c_str());
  }
}

int validate_command(Arguments& arguments) {
  Validation validation;
  {
    Progress progress("rows");
    arguments.options.pool.progress = [&](std::size_t done, std::size_t total) {
      progress.update(done, total);
    };
    validation = validate(arguments.ledger, find_library(), arguments.options);
  }
  if (arguments.by_given) warn_of_empty_labels(validation, arguments.options.by);
  print(arguments.json ? to_json(validation) : to_table(validation, arguments.rows));
  return 0;
}

}  // namespace

void add_validate(CLI::App& app, std::function<int()>& run) {
  const auto arguments = std::make_shared<Arguments>();
  app.add_option("ledger", arguments->ledger,
                 "table of step times, data-parallel steps, collectives or kernels (CSV)")
      ->required();
  app.add_flag("--json", arguments->json, "one JSON document instead of the table");
  app.add_flag("--rows", arguments->rows, "also a line for each row");
  const CLI::Option* by =
      app.add_option("--by", arguments->options.by, "labels to group by (framework,kind)")
          ->delimiter(',');
  app.add_option("--workers", arguments->options.pool.workers, "processes (one for each core)")
      ->check(CLI::Range(1, 1024));
  run = [arguments, by] {
    arguments->by_given = by->count() > 0;
    return validate_command(*arguments);
  };
}

}  // namespace stepcast::cli
