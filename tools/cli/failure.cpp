#include "tools/cli/failure.h"

#include <cstdio>
#include <new>

namespace stepcast::cli {

Failure failure_of(const std::exception_ptr& thrown) {
  try {
    std::rethrow_exception(thrown);
  } catch (const Error& error) {
    return {.text = error.what(), .kind = error.kind()};
  } catch (const std::bad_alloc&) {
    return {.text = "stepcast: this job needs more memory than this machine gives",
            .kind = ErrorKind::kUnsupported};
  } catch (const std::exception& error) {
    return {.text = std::string("stepcast: internal error, please report it with the input: ") +
                    error.what(),
            .kind = ErrorKind::kInternal};
  }
}

int say(const Failure& failure) {
  if (!failure.text.empty()) std::fprintf(stderr, "%s\n", failure.text.c_str());
  return static_cast<int>(failure.kind);
}

}  // namespace stepcast::cli
