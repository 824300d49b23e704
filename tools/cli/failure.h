// What the command line says of an exception.
#pragma once

#include <exception>
#include <string>

#include "sim/base/error.h"

namespace stepcast::cli {

/// A line or more for standard error, none where there is nothing to say, and the exit code.
struct Failure {
  std::string text;
  ErrorKind kind;
};

Failure failure_of(const std::exception_ptr& thrown);

/// Says it; returns the exit code.
int say(const Failure& failure);

}  // namespace stepcast::cli
