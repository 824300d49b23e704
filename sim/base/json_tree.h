// Inside of JsonDocument, shared by the parser that fills it and the values that read it: nodes in
// one array, linked by index, so that a document of millions of values is compact and is freed
// without recursion.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "sim/base/json_document.h"

namespace stepcast {

/// A stretch of JsonDocument::Impl::pool: decoded text of a key or string.
struct PooledText {
  std::uint32_t begin = 0;
  std::uint32_t size = 0;
};

struct JsonNull {};
struct JsonObject {
  std::uint32_t first = 0;  ///< index of the first member, 0 = empty
};
struct JsonArray {
  std::uint32_t first = 0;  ///< index of the first element, 0 = empty
};

struct JsonNode {
  std::variant<JsonNull, bool, std::int64_t, double, PooledText, JsonObject, JsonArray> value;
  PooledText key;           ///< of a member of an object
  std::uint32_t begin = 0;  ///< offset of the value in the text
  std::uint32_t line = 0;   ///< 1-based place of the key of a member, else of the value
  std::uint32_t column = 0;
  std::uint32_t next = 0;  ///< index of the next sibling, 0 = last; the root at 0 is no sibling
};

struct JsonDocument::Impl {
  std::string file;
  std::string text;
  std::string pool;
  std::vector<JsonNode> nodes;  ///< the root first

  std::string_view decoded(PooledText where) const {
    return std::string_view(pool).substr(where.begin, where.size);
  }
};

/// Index of the first child of a container; 0 for an empty one and for every other value.
inline std::uint32_t first_child(const JsonNode& node) {
  if (const auto* object = std::get_if<JsonObject>(&node.value)) return object->first;
  if (const auto* array = std::get_if<JsonArray>(&node.value)) return array->first;
  return 0;
}

/// `path` followed by a key: "plan" + "tp" is "plan.tp"; keys that are no plain words are quoted.
std::string member_path(const std::string& path, std::string_view key);
/// `path` followed by an index: "links[2]".
std::string element_path(const std::string& path, std::size_t index);

/// Fills `impl.nodes` and `impl.pool` from `impl.text`. Throws Error(kInput).
void parse_json_tree(JsonDocument::Impl& impl);

}  // namespace stepcast
