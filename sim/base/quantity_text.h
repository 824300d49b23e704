// Text with a unit <-> quantity; the only place that knows unit names. G is 10^9, Gi is 2^30; b is
// bit, B is byte. "400 Gb/s", "80 GiB", "1.5 us", "312 TFLOP/s", "700 W", "2.5 USD/h", "0.10
// USD/kWh".
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "sim/base/quantity.h"

namespace stepcast {

/// Parses "<number> <unit>", the space being optional. Nothing when the text is malformed, the unit
/// is unknown or belongs to another dimension, or the number is negative or does not fit; `why`
/// then continues a message about the text: `has the unit "GBps"; write Gb/s or GB/s`. Bytes are
/// exact when given in digits and rounded to whole bytes otherwise. Q is one of the types of
/// quantity.h.
template <typename Q>
std::optional<Q> parse_quantity(std::string_view text, std::string& why);

/// What a Q looks like, for messages: `a size such as "80 GiB"`.
template <typename Q>
std::string_view quantity_example();

/// For people: three significant digits and the best prefix ("1.43 s", "61.2 GiB", "450 GB/s").
std::string to_text(Bytes size);
std::string to_text(Seconds time);
std::string to_text(BytesPerSec rate);
std::string to_text(FlopsPerSec rate);
std::string to_text(Flops work);
std::string to_text(Watts power);
std::string to_text(Joules energy);
std::string to_text(Dollars money);

/// The same text on every machine, without locale: at most `digits` (1 to 17) significant digits,
/// no trailing zeros, an exponent where it is shorter ("0.25", "1.5e+20"). Valid JSON for finite
/// values.
std::string number_text(double value, int digits = 12);
/// The nearest whole number, in groups of three: "4,868,117".
std::string with_thousands(double value);

}  // namespace stepcast
