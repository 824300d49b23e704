// Divisors: what most rules about plans come down to, and the ways out that their messages offer.
#pragma once

#include <cstdint>
#include <limits>
#include <string>
#include <vector>

namespace stepcast {

/// All divisors of a positive number, ascending. Takes the square root of `number` steps.
std::vector<std::int64_t> divisors(std::int64_t number);

/// Divisors of `number` for a message about `value`, which is none: "1, 2, 4, 8", or when there are
/// more than twelve, its neighbours: "nearest: 4, 8". Those above `most` are left out.
std::string divisors_text(std::int64_t number, std::int64_t value,
                          std::int64_t most = std::numeric_limits<std::int64_t>::max());

}  // namespace stepcast
