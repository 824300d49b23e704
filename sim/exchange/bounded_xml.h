// XML from outside, with limits: pugixml reads no DTD and no entities of its own, so nothing is
// fetched and nothing expands; size, depth and the number of elements are bounded here.
#pragma once

#include <cstdint>
#include <pugixml.hpp>
#include <string>

#include "sim/base/json_fields.h"

namespace stepcast {

/// A document that knows where its elements stand. Attributes that are missing or wrong become
/// problems, and reading goes on with a harmless value.
class BoundedXml {
 public:
  static constexpr std::size_t kMaxDepth = 64;
  static constexpr std::size_t kMaxElements = 100'000;

  /// Throws Error(kInput): too large, malformed (with its line), too deep, too many elements.
  BoundedXml(const std::string& text, const std::string& file);

  pugi::xml_node root() const { return document_.document_element(); }

  /// Of 1 to `max`. Missing or anything else: a problem, and 1.
  std::int64_t integer(pugi::xml_node element, const char* name, std::int64_t min, std::int64_t max,
                       Problems& problems) const;
  std::string text(pugi::xml_node element, const char* name, Problems& problems) const;
  /// A problem of an attribute (of the element as a whole, when `name` is empty).
  void reject(pugi::xml_node element, const std::string& name, const std::string& message,
              Problems& problems) const;

 private:
  int line_of(pugi::xml_node element) const;
  int line_at(std::ptrdiff_t offset) const;
  void check_limits() const;

  const std::string& text_;
  std::string file_;
  pugi::xml_document document_;
};

}  // namespace stepcast
