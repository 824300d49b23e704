// kernels/cpu/rotary.h as plain loops; T is float or double. Angles come from their formula, not
// from a table.
#pragma once

#include "kernels/cpu/rotary.h"

namespace stepcast::reference {

template <typename T>
void rotary(const RotaryShape& shape, double base, bool inverse, const T* x, T* y);

}  // namespace stepcast::reference
