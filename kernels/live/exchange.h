// Communication of a rank as work of its device's streams: what the executor issues collectives and
// messages to. How they travel is the implementation's business (host_exchange.h, and NCCL's in
// kernels/device/nccl_exchange.h).
#pragma once

#include <cstddef>
#include <span>

#include "kernels/live/element.h"
#include "sim/collective/kind.h"
#include "sim/program/program.h"

namespace stepcast {

/// One of the collectives that are launched together; see Communicator::run() for sizes.
struct ExchangePart {
  std::span<const std::byte> from;
  std::span<std::byte> to;
};

/// Memory is the device's. Ranks are those of the job.
class Exchange {
 public:
  virtual ~Exchange() = default;

  virtual void collective(Stream stream, GroupRole group, CollectiveKind kind,
                          std::span<const ExchangePart> parts, Element element,
                          ReduceOp reduce) = 0;
  virtual void send(Stream stream, int to, std::span<const std::byte> bytes) = 0;
  virtual void receive(Stream stream, int from, std::span<std::byte> bytes) = 0;
};

}  // namespace stepcast
