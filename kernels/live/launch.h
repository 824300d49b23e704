// How a kernel of the catalogue is started on real memory: the table KernelKind -> launcher. A
// launcher reads its operands in the order of signature_of(kind) and trusts them: verify() has seen
// the program.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "sim/compute/layout.h"
#include "sim/compute/operands.h"

namespace stepcast {

/// An operand in memory. An optional one that is left out has no memory; neither has one of which
/// this rank has no part.
struct LiveOperand {
  std::byte* memory = nullptr;  ///< of the buffer; layout.offset is still to be added
  Layout layout;
  Dtype dtype{};
  bool add = false;

  explicit operator bool() const { return memory != nullptr; }
  float* floats() const { return reinterpret_cast<float*>(memory) + layout.offset; }
  std::int32_t* ids() const { return reinterpret_cast<std::int32_t*>(memory) + layout.offset; }
  std::uint8_t* bytes() const { return reinterpret_cast<std::uint8_t*>(memory) + layout.offset; }
};

/// Stream, scratch memory and libraries of a GPU (kernels/ops/device_context.h).
class DeviceContext;

struct AdamSettings {
  double learning_rate = 1e-3;
  double beta1 = 0.9, beta2 = 0.95;
  double epsilon = 1e-8;
  double weight_decay = 0;  ///< decoupled [Loshchilov and Hutter 2019]
  double momentum = 0.9;    ///< of SGD, which has no betas; its weight decay adds to the gradient
  double clip = 0;          ///< largest norm of the gradients; 0: not clipped
};

struct Launch {
  const Kernel& kernel;
  const KernelArguments& arguments;
  std::span<const LiveOperand> operands;
  std::int64_t index = 0;  ///< of this rank in the group that the op names (Compute::index_in)
  const AdamSettings& adam;
  std::int64_t step = 1;            ///< of the optimizer, from 1
  DeviceContext* device = nullptr;  ///< where operands are memory of a GPU: work is issued to its
                                    ///< stream, and is not done when the launcher returns
};

using Launcher = void (*)(const Launch&);

/// By KernelKind; nullptr for kernels that a device does not have.
using LauncherTable = std::span<const Launcher>;

/// Plain loops, sums in fp64: what the kernels of every device must come to.
LauncherTable reference_launchers();

}  // namespace stepcast
