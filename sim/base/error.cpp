// The text of mistakes, as the command line prints it.
#include "sim/base/error.h"

#include <algorithm>
#include <string_view>
#include <utility>

namespace stepcast {
namespace {

constexpr std::size_t kShownProblems = 20;

std::string text_of(const std::vector<Problem>& problems) {
  std::string text;
  const std::size_t shown = std::min(problems.size(), kShownProblems);
  for (std::size_t i = 0; i < shown; ++i) {
    if (i > 0) text += '\n';
    text += problems[i].text();
  }
  if (shown < problems.size())
    text += "\n... and " + std::to_string(problems.size() - shown) + " more";
  return text;
}

/// "engine/simulate.cpp" of a longer path: enough to find the place, the same on every machine.
std::string_view last_two_parts(std::string_view path) {
  const std::size_t name = path.rfind('/');
  if (name == std::string_view::npos || name == 0) return path;
  const std::size_t folder = path.rfind('/', name - 1);
  return folder == std::string_view::npos ? path : path.substr(folder + 1);
}

}  // namespace

std::string Problem::text() const {
  std::string place = file;
  if (line > 0) place += (place.empty() ? "line " : ":") + std::to_string(line);
  if (line > 0 && column > 0) place += ":" + std::to_string(column);
  std::string what = path;
  if (!what.empty() && !message.empty() && !message.starts_with(':')) what += ' ';
  what += message;
  return place.empty() ? what : place + ": " + what;
}

Error::Error(ErrorKind kind, std::vector<Problem> problems)
    : std::runtime_error(text_of(problems)), kind_(kind), problems_(std::move(problems)) {}

Error::Error(ErrorKind kind, std::string message)
    : Error(kind, std::vector<Problem>{{.message = std::move(message)}}) {}

void check_failed(const char* condition, const char* file, int line, const std::string& message) {
  throw InternalError(std::string(last_two_parts(file)) + ":" + std::to_string(line) + ": " +
                      message + " (" + condition + " does not hold; this is a bug in stepcast)");
}

}  // namespace stepcast
