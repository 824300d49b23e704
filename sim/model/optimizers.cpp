#include "sim/model/optimizers.h"

#include "sim/base/named_table.h"

namespace stepcast {
namespace {

constexpr Optimizer kTable[] = {
    {"adam", KernelKind::kAdam, 2, 1e-3, "Adam: a first and a second moment [Kingma and Ba 2015]"},
    {"adamw", KernelKind::kAdam, 2, 1e-3,
     "Adam with decoupled weight decay, of the same cost [Loshchilov and Hutter 2019]"},
    {"sgd", KernelKind::kSgd, 1, 1e-1, "gradient descent with momentum, as torch.optim.SGD's"},
};

}  // namespace

std::span<const Optimizer> optimizer_table() { return kTable; }

const Optimizer& find_optimizer(std::string_view name) {
  return find_row(optimizer_table(), name, "optimizer");
}

}  // namespace stepcast
