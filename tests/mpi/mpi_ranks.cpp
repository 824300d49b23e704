// mpirun -n N mpi_ranks [throw|stop|kill|orphan]: the exchange between N ranks over MPI; rank 0
// prints a fingerprint of what each rank kept. With a fault, rank 1 throws, is stopped or killed,
// or kills mpirun, while the others wait for it.
#include <signal.h>
#include <unistd.h>

#include <cstdio>
#include <stdexcept>
#include <string_view>

#include "kernels/mpi/mpi_group.h"
#include "tests/mpi/exchange.h"

namespace {

void do_harm(std::string_view fault) {
  if (fault == "throw") throw std::runtime_error("a fault of its own");
  if (fault == "stop") ::raise(SIGSTOP);
  if (fault == "kill") ::raise(SIGKILL);
  if (fault == "orphan") ::kill(::getppid(), SIGKILL);
}

}  // namespace

int main(int argc, char** argv) {
  using namespace stepcast;
  MpiGroup group(2);
  group.run([&](RankContext& context) {
    context.begin_operation("the beginning");
    if (argc > 1 && context.rank() == 1) do_harm(argv[1]);
    return exchange(context);
  });
  if (group.rank() == 0)
    for (int rank = 0; rank < group.ranks(); ++rank)
      std::printf("%s\n", fingerprint(group.kept(rank)).c_str());
  return 0;
}
