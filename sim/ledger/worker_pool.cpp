#include "sim/ledger/worker_pool.h"

#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <iostream>
#include <optional>
#include <thread>

#include "sim/base/error.h"

namespace stepcast {
namespace {

// On the pipes: the parent sends an index; the worker answers with a header and then that many
// bytes.
struct AnswerHeader {
  std::uint64_t size = 0;
  std::uint64_t failed = 0;  ///< 1: the bytes are the text of an exception
};

bool read_all(int fd, void* into, std::size_t size) {
  char* at = static_cast<char*>(into);
  while (size > 0) {
    const ssize_t got = read(fd, at, size);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return false;
    at += got;
    size -= static_cast<std::size_t>(got);
  }
  return true;
}

bool write_all(int fd, const void* from, std::size_t size) {
  const char* at = static_cast<const char*>(from);
  while (size > 0) {
    const ssize_t put = write(fd, at, size);
    if (put < 0 && errno == EINTR) continue;
    if (put <= 0) return false;
    at += put;
    size -= static_cast<std::size_t>(put);
  }
  return true;
}

std::string describe_exit(int status) {
  if (WIFSIGNALED(status)) {
    const int signal = WTERMSIG(status);
    return "killed by signal " + std::to_string(signal) + " (" + strsignal(signal) + ")";
  }
  return "worker left with exit code " +
         std::to_string(WIFEXITED(status) ? WEXITSTATUS(status) : -1);
}

/// The life of a worker: indices in, answers out, until the parent closes its end.
[[noreturn]] void serve(int requests, int answers,
                        const std::function<std::string(std::size_t)>& work) {
  std::uint64_t index = 0;
  while (read_all(requests, &index, sizeof index)) {
    std::string bytes;
    AnswerHeader header;
    try {
      bytes = work(static_cast<std::size_t>(index));
    } catch (const std::exception& error) {
      bytes = error.what();
      header.failed = 1;
    }
    header.size = bytes.size();
    if (!write_all(answers, &header, sizeof header) ||
        !write_all(answers, bytes.data(), bytes.size()))
      break;
  }
  _exit(0);  // no destructors and no flush: buffers and SimGrid's state belong to the parent
}

struct Worker {
  pid_t pid = -1;
  int requests = -1;  ///< the parent's ends
  int answers = -1;
  std::optional<std::size_t> piece;  ///< what it is busy with
};

class Pool {
 public:
  Pool(std::size_t count, const std::function<std::string(std::size_t)>& work,
       const WorkerPoolOptions& options)
      : work_(work), options_(options), results_(count) {
    // Writing to a worker that has just died must be an error, not the end of this process.
    old_handler_ = std::signal(SIGPIPE, SIG_IGN);
  }
  Pool(const Pool&) = delete;
  Pool& operator=(const Pool&) = delete;
  ~Pool() {
    for (Worker& worker : workers_) retire(worker);
    std::signal(SIGPIPE, old_handler_);
  }

  std::vector<WorkResult> run() {
    const std::size_t cores = std::max(1u, std::thread::hardware_concurrency());
    const std::size_t wanted =
        options_.workers > 0 ? static_cast<std::size_t>(options_.workers) : cores;
    workers_.resize(std::min(wanted, results_.size()));
    for (Worker& worker : workers_) hand_out(worker);
    while (done_ < results_.size()) await_answers();
    return std::move(results_);
  }

 private:
  void start(Worker& worker) {
    int to_worker[2], from_worker[2];
    if (pipe(to_worker) != 0) throw Error(ErrorKind::kIo, "can't open a pipe to a worker process");
    if (pipe(from_worker) != 0) {
      close(to_worker[0]), close(to_worker[1]);
      throw Error(ErrorKind::kIo, "can't open a pipe to a worker process");
    }
    // What stands in buffers would be written twice.
    std::fflush(nullptr);
    std::cout.flush();
    std::cerr.flush();
    const pid_t pid = fork();
    if (pid == 0) {
      close(to_worker[1]), close(from_worker[0]);
      for (const Worker& other : workers_)  // or they would never see the end of their requests
        if (other.pid > 0) close(other.requests), close(other.answers);
      serve(to_worker[0], from_worker[1], work_);
    }
    close(to_worker[0]), close(from_worker[1]);
    if (pid < 0) {
      close(to_worker[1]), close(from_worker[0]);
      throw Error(ErrorKind::kIo, "can't start a worker process");
    }
    worker = {
        .pid = pid, .requests = to_worker[1], .answers = from_worker[0], .piece = std::nullopt};
  }

  /// Closes the pipes and waits for the process; returns how it ended.
  int retire(Worker& worker) {
    if (worker.pid <= 0) return 0;
    close(worker.requests);
    close(worker.answers);
    int status = 0;
    while (waitpid(worker.pid, &status, 0) < 0 && errno == EINTR) {
    }
    worker = Worker{};
    return status;
  }

  /// The next piece, or retirement when there is none.
  void hand_out(Worker& worker) {
    if (next_ == results_.size()) {
      retire(worker);
      return;
    }
    if (worker.pid <= 0) start(worker);
    const std::uint64_t index = next_;
    worker.piece = next_++;
    // A failed write means that the worker died: the closed answer pipe tells, and gives the
    // reason.
    write_all(worker.requests, &index, sizeof index);
  }

  void await_answers() {
    std::vector<pollfd> ready;
    std::vector<Worker*> of;
    for (Worker& worker : workers_) {
      if (!worker.piece) continue;
      ready.push_back({.fd = worker.answers, .events = POLLIN, .revents = 0});
      of.push_back(&worker);
    }
    STEPCAST_CHECK(!ready.empty(), "pieces are left and no worker has one");
    if (poll(ready.data(), ready.size(), -1) < 0) return;  // interrupted
    for (std::size_t i = 0; i < ready.size(); ++i)
      if (ready[i].revents != 0) take_answer(*of[i]);
  }

  void take_answer(Worker& worker) {
    WorkResult& result = results_[*worker.piece];
    AnswerHeader header;
    bool whole = read_all(worker.answers, &header, sizeof header);
    if (whole) {
      result.bytes.resize(header.size);
      whole = read_all(worker.answers, result.bytes.data(), result.bytes.size());
    }
    if (!whole) {
      result.bytes.clear();
      result.failure = describe_exit(retire(worker));
    } else if (header.failed != 0) {
      result.failure = result.bytes.empty() ? "failed without a message" : std::move(result.bytes);
      result.bytes.clear();
    }
    worker.piece.reset();
    ++done_;
    if (options_.progress) options_.progress(done_, results_.size());
    hand_out(worker);
  }

  const std::function<std::string(std::size_t)>& work_;
  const WorkerPoolOptions& options_;
  std::vector<WorkResult> results_;
  std::vector<Worker> workers_;
  std::size_t next_ = 0;
  std::size_t done_ = 0;
  void (*old_handler_)(int) = nullptr;
};

}  // namespace

std::vector<WorkResult> map_in_workers(std::size_t count,
                                       const std::function<std::string(std::size_t)>& work,
                                       const WorkerPoolOptions& options) {
  return Pool(count, work, options).run();
}

}  // namespace stepcast
