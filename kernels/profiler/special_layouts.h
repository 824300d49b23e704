// Layouts of operands whose extents are no dimensions of their kernel: images, windows, scales.
#pragma once

#include <optional>
#include <string_view>

#include "sim/compute/kernels.h"
#include "sim/compute/layout.h"

namespace stepcast {

/// Dense; nothing for operands that the signature's extents tell.
std::optional<Layout> special_layout(const Kernel& kernel, std::string_view slot);

}  // namespace stepcast
