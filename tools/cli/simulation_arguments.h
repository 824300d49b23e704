// Arguments that commands which simulate share.
#pragma once

#include <string>

#include "sim/engine/simulate.h"

namespace CLI {
class App;
}

namespace stepcast::cli {

struct SimulationArguments {
  std::string fidelity = "fluid";
  std::string folding = "full";

  void declare(CLI::App& app);
  SimulateOptions options() const;
};

}  // namespace stepcast::cli
