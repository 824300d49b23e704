// Text with a unit <-> quantity; the only place that knows unit names. G is 10^9, Gi is 2^30; b is
// bit, B is byte. "400 Gb/s", "80 GiB", "1.5 us", "312 TFLOP/s", "700 W", "2.5 USD/h", "0.10 USD/kWh".
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "sim/base/quantity.h"

namespace stepcast {

/// Parses "<number> <unit>". Nothing when the text is malformed, the unit belongs to another
/// dimension, or the number is not finite; `why` then says which, naming the units that are right.
template <typename Q>
std::optional<Q> parse_quantity(std::string_view text, std::string& why);

/// For people: three significant digits and the best prefix ("1.43 s", "61.2 GiB", "450 GB/s").
std::string to_text(Bytes size);
std::string to_text(Seconds time);
std::string to_text(BytesPerSec rate);
std::string to_text(FlopsPerSec rate);
std::string to_text(Flops work);
std::string to_text(Watts power);
std::string to_text(Joules energy);
std::string to_text(Dollars money);

/// Shortest decimal text that is the same on every machine: `digits` significant digits, no locale.
std::string number_text(double value, int digits = 12);

}  // namespace stepcast
