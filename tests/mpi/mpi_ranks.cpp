// mpirun -n N mpi_ranks [throw]: the exchange between N ranks over MPI; rank 0 prints a fingerprint
// of what each rank kept. With "throw", rank 1 fails while the others wait for it.
#include <cstdio>
#include <stdexcept>

#include "kernels/mpi/mpi_group.h"
#include "tests/mpi/exchange.h"

int main(int argc, char**) {
  using namespace stepcast;
  MpiGroup group;
  group.run([&](RankContext& context) {
    context.begin_operation("the beginning");
    if (argc > 1 && context.rank() == 1) throw std::runtime_error("a fault of its own");
    return exchange(context);
  });
  if (group.rank() == 0)
    for (int rank = 0; rank < group.ranks(); ++rank)
      std::printf("%s\n", fingerprint(group.kept(rank)).c_str());
  return 0;
}
