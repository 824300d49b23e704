// How fast kernels run while transfers of their rank move bytes. A transfer takes some of the GPU
// from its start (its last participant is there) to its end; a kernel beside it runs at a fraction
// of its rate for exactly that long:
//
//   end of a kernel = the t with  integral from begin to t of  product of rates_beside(transfers
//                     that move bytes at that moment)  =  time of the kernel alone
//
// Several transfers multiply: each takes its share of what the others have left. What a transfer
// takes while it waits for its partners is left out.
#pragma once

#include <array>
#include <vector>

#include "sim/cost/cost_model.h"
#include "sim/engine/meetings.h"
#include "sim/engine/overlap.h"

namespace stepcast {

/// Fractions of a kernel's rate.
struct KernelRates {
  struct Beside {
    double collective = 1, p2p = 1;
    double at(Port port) const { return port < Port::kSendNext ? collective : p2p; }
  };
  Beside products;      ///< matrix products and attention
  Beside memory_bound;  ///< all other kernels

  explicit KernelRates(const CostModel& costs);
  const Beside& of(bool is_memory_bound) const { return is_memory_bound ? memory_bound : products; }
  /// Whose transfers slow any kernel down.
  PortSet slowing_ports() const;
};

/// The transfers that a rank class has posted and that may run beside its kernels.
class TransfersBeside {
 public:
  /// Keeps a reference.
  explicit TransfersBeside(const Meetings& meetings) : meetings_(meetings) {}

  void add(Meetings::MeetingId meeting, Port port) { posted_.push_back({meeting, port}); }
  /// Drops what has ended by `time`: no kernel that begins earlier will be asked for.
  void forget_before(double time);
  /// When a kernel ends that begins at `begin` and takes `work` seconds alone. A transfer whose end
  /// is not known yet is taken to last; one whose start is not known does not count.
  double end_of(double begin, double work, const KernelRates::Beside& rates) const;

 private:
  struct Posted {
    Meetings::MeetingId meeting = 0;
    Port port{};
  };
  const Meetings& meetings_;
  std::vector<Posted> posted_;
};

}  // namespace stepcast
