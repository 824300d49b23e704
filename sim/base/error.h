// Two kinds of failure. The user can mend it: throw Error, with everything that is wrong, each
// problem naming file, line, JSON path, value, rule and a way out. We broke it: STEPCAST_CHECK.
#pragma once

#include <stdexcept>
#include <string>
#include <vector>

namespace stepcast {

/// What went wrong, as the exit code of the command line (README.md lists them).
enum class ErrorKind {
  kUsage = 2,
  kInput = 3,        ///< a file says something wrong
  kInfeasible = 4,   ///< the plan cannot run, or does not fit in memory
  kIo = 5,           ///< a file cannot be read or written
  kUnsupported = 6,  ///< correct, but stepcast cannot express or cost it
  kLiveRank = 7,     ///< a rank of a live run failed
  kInternal = 70,    ///< our bug
};

/// One mistake, on one line. Empty parts are left out of the text.
struct Problem {
  std::string file = {};
  int line = 0;           ///< 1-based; 0 = unknown
  int column = 0;         ///< 1-based, in characters; 0 = unknown
  std::string path = {};  ///< JSON path such as "plan.tp" or "links[2].bandwidth"
  /// Value, rule and way out: `= 6 must divide num_heads = 32 (1, 2, 4, ...)`. A message about the
  /// key and not its value begins with a colon: `: missing; expected a whole number`.
  std::string message = {};
  /// Well said, but of what stepcast cannot express: no mistake in the file.
  bool unsupported = false;

  /// "file:line:column: path message"
  std::string text() const;
};

/// Thrown for every mistake of the user's. `what()` is the problems, one per line: the first 20 of
/// them and a count of the rest.
class Error : public std::runtime_error {
 public:
  Error(ErrorKind kind, std::vector<Problem> problems);
  Error(ErrorKind kind, std::string message);

  ErrorKind kind() const { return kind_; }
  const std::vector<Problem>& problems() const { return problems_; }

 private:
  ErrorKind kind_;
  std::vector<Problem> problems_;
};

/// Thrown by STEPCAST_CHECK: a broken promise of our own code.
class InternalError : public std::logic_error {
 public:
  using std::logic_error::logic_error;
};

[[noreturn]] void check_failed(const char* condition, const char* file, int line,
                               const std::string& message);

}  // namespace stepcast

/// Always on. `message` is evaluated only on failure.
#define STEPCAST_CHECK(condition, message)                                               \
  do {                                                                                   \
    if (!(condition)) ::stepcast::check_failed(#condition, __FILE__, __LINE__, message); \
  } while (false)
