// mpirun -n N mpi_ranks FAULT N: the exchange between N ranks over MPI; rank 0 prints a fingerprint
// of what each rank kept. FAULT is
//   none
//   throw, stop, kill, orphan, unwatched: rank 1, or with "first-" before it rank 0, throws, is
//     stopped or killed, kills mpirun or the process that looks after it, while the others wait
//   deaf: rank 1 throws, and rank 0 hears nothing of it
//   circle: each waits for a message of the next
//   early: rank 1 is stopped before MPI_Init
//   version: they train, and the last rank is of another build
//   between, after: rank 1 throws when it has exchanged once, and the others exchange again, or are
//     done
// With a fault, how many bytes of each rank rank 0 has is printed.
#include <signal.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "kernels/live/batch_source.h"
#include "kernels/mpi/mpi_group.h"
#include "kernels/mpi/mpi_live_run.h"
#include "kernels/mpi/rank_watch.h"
#include "sim/base/error.h"
#include "tests/live/train.h"
#include "tests/mpi/exchange.h"

namespace {

pid_t parent_of(pid_t process) {
  std::ifstream file("/proc/" + std::to_string(process) + "/status");
  for (std::string word; file >> word;)
    if (pid_t parent = 0; word == "PPid:" && file >> parent) return parent;
  return 0;
}

void do_harm(std::string_view fault) {
  if (fault == "throw") throw std::runtime_error("a fault of its own");
  if (fault == "stop") ::raise(SIGSTOP);
  if (fault == "kill") ::raise(SIGKILL);
  if (fault == "orphan") ::kill(parent_of(::getppid()), SIGKILL);
  if (fault == "unwatched") ::kill(::getppid(), SIGKILL);
}

/// Signals that are handled end a single pause.
[[noreturn]] void stand_until_killed() {
  for (;;) ::pause();
}

bool has_all(const stepcast::RankWitness& witness) {
  for (int rank = 0; rank < witness.ranks(); ++rank)
    if (witness.kept(rank).empty()) return false;
  return true;
}

/// Every rank keeps as many bytes as it has a number, and one more. Rank 0, which takes what has
/// come whenever it keeps something, keeps a byte until it has all of them.
void keep_before_the_fault(stepcast::RankContext& context, const stepcast::RankWitness& witness) {
  const std::vector<std::byte> bytes(static_cast<std::size_t>(context.rank()) + 1);
  if (context.rank() != 0) context.keep(bytes);
  for (; context.rank() == 0 && !has_all(witness); ::usleep(1000)) {
    context.begin_operation("the beginning");  // a sign of life, however long the others take
    context.keep(bytes);
  }
  const auto world = context.world();
  stepcast::barrier(*world);
}

/// Who waits for a message as well.
void wait_for_the_next(stepcast::RankContext& context) {
  std::byte message{};
  context.world()->receive((context.rank() + 1) % context.ranks(), std::span(&message, 1));
}

void train_with_another_version(stepcast::MpiGroup& group, const stepcast::RankWitness& witness) {
  using namespace stepcast::live_test;
  TinyTraining tiny;
  tiny.training.global_batch_size = tiny.plan.dp = group.ranks();
  const stepcast::CountingTask task(tiny.model.vocab_size, 7);
  const bool last = group.rank() + 1 == group.ranks();
  const stepcast::Job job = lower(tiny.model, tiny.plan, tiny.training, tiny.traits);
  const stepcast::LiveOptions options{.platform = &kPlainLoops, .batches = &task, .steps = 2};
  check_agreement(group, job, options, "no choices", last ? "0.2" : "0.1");
  run_live_over_mpi(group, witness, job, options);
}

/// The others go on to a second run; at the end they are done.
void leave_between_runs(stepcast::MpiGroup& group, bool at_end) {
  const auto exchange = [](stepcast::RankContext& context) { return stepcast::exchange(context); };
  group.run(exchange);
  if (group.rank() == 1) throw std::runtime_error("a fault outside of runs");
  if (!at_end) group.run(exchange);
}

void run(stepcast::MpiGroup& group, const stepcast::RankWitness& witness, std::string_view fault) {
  if (fault == "version") return train_with_another_version(group, witness);
  if (fault == "between" || fault == "after") return leave_between_runs(group, fault == "after");
  constexpr std::string_view kFirst = "first-";
  const int culprit = fault.starts_with(kFirst) ? 0 : 1;
  if (culprit == 0) fault.remove_prefix(kFirst.size());
  group.run([&](stepcast::RankContext& context) {
    context.begin_operation("the beginning");
    if (fault != "none") keep_before_the_fault(context, witness);
    if (fault == "circle") wait_for_the_next(context);
    if (context.rank() == culprit) do_harm(fault);
    // Rank 0 hears nothing of what the others, and mpirun, say.
    if (fault == "deaf" && context.rank() == 0) stand_until_killed();
    // Nothing of the exchange ends without them, so the culprit is in it when it is told.
    if (fault == "unwatched" && context.rank() != culprit) stand_until_killed();
    if (fault == "deaf" && context.rank() == 1) do_harm("throw");
    return stepcast::exchange(context);
  });
}

void print_sizes(const stepcast::RankWitness& witness) {
  for (int rank = 0; rank < witness.ranks(); ++rank)
    std::printf("rank %d kept %zu\n", rank, witness.kept(rank).size());
  std::fflush(stdout);
}

int run_process(int argc, char** argv) {
  using namespace stepcast;
  const RankWitness witness(argc > 2 ? std::atoi(argv[2]) : 1, std::size_t{64} << 20);
  const auto last_words = [&](const std::string&) { print_sizes(witness); };
  if (const auto code = watch_rank(witness, 2, last_words)) return *code;
  if (argc > 1 && argv[1] == std::string_view("early") && witness.rank() == 1) do_harm("stop");
  MpiGroup group(witness, 2);
  try {
    run(group, witness, argc > 1 ? argv[1] : "none");
  } catch (const Error& error) {
    print_sizes(witness);
    return group.leave(error.what(), error.kind());
  } catch (const std::runtime_error& error) {
    return group.leave(error.what(), ErrorKind::kIo);
  }
  if (group.rank() == 0)
    for (int rank = 0; rank < group.ranks(); ++rank)
      std::printf("%s\n", fingerprint(witness.kept(rank)).c_str());
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  try {
    return run_process(argc, argv);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 70;
  }
}
