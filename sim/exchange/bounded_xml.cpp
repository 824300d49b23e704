#include "sim/exchange/bounded_xml.h"

#include <algorithm>
#include <charconv>

#include "sim/exchange/node_sketch.h"

namespace stepcast {
namespace {

/// "system.cpu.pci.gpu".
std::string path_of(pugi::xml_node element) {
  std::string path;
  for (; element && element.type() == pugi::node_element; element = element.parent())
    path = std::string(element.name()) + (path.empty() ? "" : "." + path);
  return path;
}

}  // namespace

BoundedXml::BoundedXml(const std::string& text, const std::string& file)
    : text_(text), file_(file) {
  const auto refuse = [&](int line, const std::string& message) {
    throw Error(ErrorKind::kInput, {{.file = file, .line = line, .message = message}});
  };
  if (text.size() > kMaxImportBytes)
    refuse(0, "holds " + std::to_string(text.size()) + " bytes; at most " +
                  std::to_string(kMaxImportBytes) + " are read");
  const pugi::xml_parse_result parsed =
      document_.load_buffer(text.data(), text.size(), pugi::parse_default, pugi::encoding_utf8);
  if (!parsed)
    refuse(line_at(parsed.offset), std::string("is not well-formed XML: ") + parsed.description());
  check_limits();
}

void BoundedXml::check_limits() const {
  struct Walker : pugi::xml_tree_walker {
    std::size_t elements = 0;
    std::size_t deepest = 0;
    bool for_each(pugi::xml_node& node) override {
      if (node.type() == pugi::node_element) ++elements;
      deepest = std::max(deepest, static_cast<std::size_t>(depth()) + 1);
      return elements <= kMaxElements && deepest <= kMaxDepth;
    }
  } walker;
  if (document_.root().traverse(walker)) return;
  throw Error(ErrorKind::kInput,
              {{.file = file_,
                .message = walker.deepest > kMaxDepth
                               ? "has elements more than " + std::to_string(kMaxDepth) + " deep"
                               : "has more than " + std::to_string(kMaxElements) + " elements"}});
}

int BoundedXml::line_at(std::ptrdiff_t offset) const {
  const auto end = text_.begin() +
                   std::clamp<std::ptrdiff_t>(offset, 0, static_cast<std::ptrdiff_t>(text_.size()));
  return 1 + static_cast<int>(std::count(text_.begin(), end, '\n'));
}

int BoundedXml::line_of(pugi::xml_node element) const { return line_at(element.offset_debug()); }

void BoundedXml::reject(pugi::xml_node element, const std::string& name, const std::string& message,
                        Problems& problems) const {
  problems.add({.file = file_,
                .line = line_of(element),
                .path = path_of(element) + (name.empty() ? "" : "." + name),
                .message = message});
}

std::string BoundedXml::text(pugi::xml_node element, const char* name, Problems& problems) const {
  const pugi::xml_attribute attribute = element.attribute(name);
  if (!attribute) reject(element, name, ": missing", problems);
  return attribute.value();
}

std::int64_t BoundedXml::integer(pugi::xml_node element, const char* name, std::int64_t min,
                                 std::int64_t max, Problems& problems) const {
  const std::size_t mistakes = problems.all().size();
  const std::string written = text(element, name, problems);
  if (problems.all().size() != mistakes) return min;
  std::int64_t value = 0;
  const char* end = written.data() + written.size();
  const auto [stop, error] = std::from_chars(written.data(), end, value);
  if (error == std::errc() && stop == end && value >= min && value <= max) return value;
  reject(element, name,
         "= \"" + written.substr(0, 40) + "\" must be a whole number of " + std::to_string(min) +
             " to " + std::to_string(max),
         problems);
  return min;
}

}  // namespace stepcast
