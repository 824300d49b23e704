// Numbers of the command line.
#pragma once

#include <CLI/Validators.hpp>
#include <cstdlib>
#include <string>

#include "sim/base/printed.h"

namespace stepcast::cli {

/// CLI11's own range lets "nan" through and writes its limits with all of their digits.
inline CLI::Validator number_in(double least, double most) {
  const std::string range = printed("%g to %g", least, most);
  return {[=](const std::string& text) -> std::string {
            char* end = nullptr;
            const double value = std::strtod(text.c_str(), &end);
            if (end != text.c_str() && *end == '\0' && value >= least && value <= most) return {};
            return "\"" + text + "\" is no number from " + range;
          },
          "in [" + printed("%g - %g", least, most) + "]"};
}

}  // namespace stepcast::cli
