#include "tests/support/run_program.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <stdexcept>

namespace stepcast {
namespace {

using Clock = std::chrono::steady_clock;

struct Pipe {
  int read_end = -1;
  int write_end = -1;
  Pipe() {
    std::array<int, 2> ends{};
    if (::pipe2(ends.data(), O_CLOEXEC) != 0) throw std::runtime_error("no pipe");
    read_end = ends[0];
    write_end = ends[1];
  }
};

/// In the child: never returns.
[[noreturn]] void become(const std::vector<std::string>& arguments, const RunOptions& options,
                         const Pipe& out, const Pipe& err) {
  ::dup2(err.write_end, STDERR_FILENO);
  if (options.out_to.empty())
    ::dup2(out.write_end, STDOUT_FILENO);
  else
    ::close(STDOUT_FILENO);
  // The lowest free number is that of standard output.
  if (!options.out_to.empty() && options.out_to != "-" &&
      ::open(options.out_to.c_str(), O_WRONLY) < 0)
    ::_exit(127);
  if (!options.folder.empty() && ::chdir(options.folder.c_str()) != 0) ::_exit(127);
  for (const std::string& variable : options.environment)
    ::putenv(const_cast<char*>(variable.c_str()));
  std::vector<char*> words;
  for (const std::string& argument : arguments)
    words.push_back(const_cast<char*>(argument.c_str()));
  words.push_back(nullptr);
  ::execv(words[0], words.data());
  ::_exit(127);
}

/// Appends what is ready; false at the end of the stream.
bool read_some(int descriptor, std::string& text) {
  std::array<char, 1 << 16> block{};
  const ssize_t count = ::read(descriptor, block.data(), block.size());
  if (count > 0) text.append(block.data(), static_cast<std::size_t>(count));
  return count > 0;
}

}  // namespace

ProgramRun run_program(const std::vector<std::string>& arguments, const RunOptions& options) {
  const Pipe out, err;
  const pid_t child = ::fork();
  if (child < 0) throw std::runtime_error("no process");
  if (child == 0) become(arguments, options, out, err);
  ::close(out.write_end);
  ::close(err.write_end);

  ProgramRun run;
  const Clock::time_point end = Clock::now() + options.limit;
  std::array<pollfd, 2> streams = {{{out.read_end, POLLIN, 0}, {err.read_end, POLLIN, 0}}};
  while (streams[0].fd >= 0 || streams[1].fd >= 0) {
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(end - Clock::now());
    if (left.count() <= 0 ||
        ::poll(streams.data(), streams.size(), static_cast<int>(left.count())) == 0) {
      run.timed_out = true;
      ::kill(child, SIGKILL);
      break;
    }
    if (streams[0].revents != 0 && !read_some(out.read_end, run.out)) streams[0].fd = -1;
    if (streams[1].revents != 0 && !read_some(err.read_end, run.err)) streams[1].fd = -1;
  }
  ::close(out.read_end);
  ::close(err.read_end);
  int status = 0;
  ::waitpid(child, &status, 0);
  run.exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  return run;
}

}  // namespace stepcast
