// mpirun -n N mpi_ranks [throw|stop|kill|orphan|version]: the exchange between N ranks over MPI;
// rank 0 prints a fingerprint of what each rank kept. With a fault, rank 1 throws, is stopped or
// killed, or kills mpirun, while the others wait for it, and rank 0 prints how many bytes it has of
// each rank. With "version" they train, and the last rank is of another build.
#include <signal.h>
#include <unistd.h>

#include <cstdio>
#include <stdexcept>
#include <string_view>
#include <vector>

#include "kernels/live/batch_source.h"
#include "kernels/mpi/mpi_group.h"
#include "kernels/mpi/mpi_live_run.h"
#include "sim/base/error.h"
#include "tests/live/train.h"
#include "tests/mpi/exchange.h"

namespace {

void do_harm(std::string_view fault) {
  if (fault == "throw") throw std::runtime_error("a fault of its own");
  if (fault == "stop") ::raise(SIGSTOP);
  if (fault == "kill") ::raise(SIGKILL);
  if (fault == "orphan") ::kill(::getppid(), SIGKILL);
}

/// Every rank keeps as many bytes as it has a number, and one more.
void keep_before_the_fault(stepcast::RankContext& context) {
  const std::vector<std::byte> bytes(static_cast<std::size_t>(context.rank()) + 1);
  context.keep(bytes);
  const auto world = context.world();
  stepcast::barrier(*world);
}

void train_with_another_version(stepcast::MpiGroup& group) {
  using namespace stepcast::live_test;
  TinyTraining tiny;
  tiny.training.global_batch_size = tiny.plan.dp = group.ranks();
  const stepcast::CountingTask task(tiny.model.vocab_size, 7);
  const bool last = group.rank() + 1 == group.ranks();
  run_live_over_mpi(group, lower(tiny.model, tiny.plan, tiny.training, tiny.traits),
                    {.platform = &kPlainLoops, .batches = &task, .steps = 2}, last ? "0.2" : "0.1");
}

void run(stepcast::MpiGroup& group, std::string_view fault) {
  if (fault == "version") return train_with_another_version(group);
  group.run([&](stepcast::RankContext& context) {
    context.begin_operation("the beginning");
    if (fault != "none") keep_before_the_fault(context);
    if (context.rank() == 1) do_harm(fault);
    return stepcast::exchange(context);
  });
}

}  // namespace

int main(int argc, char** argv) {
  using namespace stepcast;
  MpiGroup group(2);
  try {
    run(group, argc > 1 ? argv[1] : "none");
  } catch (const Error&) {
    for (int rank = 0; rank < group.ranks(); ++rank)
      std::printf("rank %d kept %zu\n", rank, group.kept(rank).size());
    std::fflush(stdout);
    return 7;
  }
  if (group.rank() == 0)
    for (int rank = 0; rank < group.ranks(); ++rank)
      std::printf("%s\n", fingerprint(group.kept(rank)).c_str());
  return 0;
}
