// The subcommands of stepcast: one row each in the table of main.cpp, one file each beside it.
#pragma once

#include <functional>
#include <string>

#include "tools/cli/failure.h"

namespace CLI {
class App;
}

namespace stepcast::cli {

/// Declares a command's arguments on `app` and leaves in `run` what to do once they are parsed.
/// Arguments live as long as `run`. `run` returns the exit code; mistakes leave it as Error.
using AddCommand = void (*)(CLI::App& app, std::function<int()>& run);

void add_predict(CLI::App& app, std::function<int()>& run);
void add_jobs(CLI::App& app, std::function<int()>& run);
void add_memory(CLI::App& app, std::function<int()>& run);
void add_program(CLI::App& app, std::function<int()>& run);
void add_check(CLI::App& app, std::function<int()>& run);
void add_list(CLI::App& app, std::function<int()>& run);
void add_collective(CLI::App& app, std::function<int()>& run);
void add_topology(CLI::App& app, std::function<int()>& run);
void add_import(CLI::App& app, std::function<int()>& run);
void add_export(CLI::App& app, std::function<int()>& run);
void add_validate(CLI::App& app, std::function<int()>& run);
void add_fit(CLI::App& app, std::function<int()>& run);
void add_calibrate_network(CLI::App& app, std::function<int()>& run);
void add_profile(CLI::App& app, std::function<int()>& run);
void add_live(CLI::App& app, std::function<int()>& run);
/// A command line of `live` that can't be read: said once by ranks that mpirun started, too.
int refuse_live(const Failure& failure, bool local);
void add_compare(CLI::App& app, std::function<int()>& run);

/// Writes data to standard output. Throws Error(kIo) when it can't be written (closed, disk full).
void print(const std::string& text);

/// The same to a file, at once or not at all; "-" is standard output.
void write_output(const std::string& file, const std::string& text);

}  // namespace stepcast::cli
