#include "sim/ledger/validate.h"

#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <CLI/Validators.hpp>
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
  ValidateOptions options;
};

int validate_command(Arguments& arguments) {
  Validation validation;
  {
    Progress progress("rows");
    arguments.options.pool.progress = [&](std::size_t done, std::size_t total) {
      progress.update(done, total);
    };
    validation = validate(arguments.ledger, find_library(), arguments.options);
  }
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
  app.add_option("--by", arguments->options.by, "labels to group by (framework,kind)")
      ->delimiter(',');
  app.add_option("--workers", arguments->options.pool.workers, "processes (one for each core)")
      ->check(CLI::Range(1, 1024));
  run = [arguments] { return validate_command(*arguments); };
}

}  // namespace stepcast::cli
