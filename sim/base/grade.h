// How well a predicted figure is founded. A figure made of parts has the grade of its worst part.
#pragma once

#include <algorithm>
#include <cstdint>
#include <string_view>

namespace stepcast {

/// From best to worst. measured: timed on this device; fitted: a model fitted to published or own
/// measurements of this device or stack; transferred: scaled from another device; assumed: a
/// datasheet value or a judgement.
enum class Grade : std::uint8_t { kMeasured, kFitted, kTransferred, kAssumed };

constexpr Grade worst(Grade a, Grade b) { return std::max(a, b); }

constexpr std::string_view name_of(Grade grade) {
  switch (grade) {
    case Grade::kMeasured:
      return "measured";
    case Grade::kFitted:
      return "fitted";
    case Grade::kTransferred:
      return "transferred";
    case Grade::kAssumed:
      return "assumed";
  }
  return "";
}

}  // namespace stepcast
