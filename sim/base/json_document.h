// A parsed JSON file: a tree that knows where in the text each value stands. Syntax, size, depth,
// duplicate keys and the range of numbers are checked once, here; what the values mean is read
// through Fields (json_fields.h).
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "sim/base/error.h"

namespace stepcast {

/// Limits of one document; a file that exceeds them is refused (kInput), not read in part.
inline constexpr std::size_t kMaxJsonBytes = std::size_t{64} << 20;
inline constexpr std::size_t kMaxJsonDepth = 64;
inline constexpr std::size_t kMaxJsonValues = 2'000'000;

class JsonValue;

/// A parsed file. Owns the tree and its text; cheap to copy.
class JsonDocument {
 public:
  JsonValue root() const;
  const std::string& file() const;
  struct Impl;
  explicit JsonDocument(std::shared_ptr<const Impl> impl) : impl_(std::move(impl)) {}

 private:
  std::shared_ptr<const Impl> impl_;
};

/// Reads and parses a regular file of at most 64 MiB, 64 levels and 2 million values. Throws Error:
/// kIo when it can't be opened or is no regular file; kInput with line and column when it is too
/// large, malformed, holds a key twice in one object, or a number that does not fit a double (or,
/// written as an integer, 64 bits). All duplicates and such numbers are reported at once.
JsonDocument read_json_file(const std::string& path);
/// The same for text at hand; `name` stands for the file in messages.
JsonDocument parse_json(std::string text, const std::string& name);

/// One value inside a parsed document, with the place it stands: a member of an object stands where
/// its key begins. Cheap to copy; shares ownership of the document.
class JsonValue {
 public:
  bool is_object() const;
  bool is_array() const;
  bool is_string() const;
  bool is_number() const;
  bool is_boolean() const;
  bool is_null() const;
  /// Elements of an array (empty for anything else), each with its own place.
  std::vector<JsonValue> elements() const;
  /// Keys of an object in file order.
  std::vector<std::string> keys() const;
  std::optional<JsonValue> member(std::string_view key) const;
  std::optional<std::string> as_string() const;
  std::optional<double> as_number() const;  ///< finite, or nothing
  /// A whole number that fits, or nothing. 6.0 and 1e9 are whole; beyond 2^53 only digits count.
  std::optional<std::int64_t> as_integer() const;
  std::optional<bool> as_boolean() const;
  /// "links[2].bandwidth"; empty for the whole document.
  const std::string& path() const { return path_; }
  /// A problem at this place; `message` continues the path: "= -1 must be at least 1".
  Problem problem(std::string message) const;
  /// The value as it stands in the file, shortened to some 40 characters, for messages; containers
  /// are "{...}" and "[...]".
  std::string excerpt() const;

  JsonValue(std::shared_ptr<const JsonDocument::Impl> impl, const void* node, std::string path)
      : impl_(std::move(impl)), node_(node), path_(std::move(path)) {}

 private:
  std::shared_ptr<const JsonDocument::Impl> impl_;
  const void* node_;  ///< a JsonNode (json_tree.h) owned by impl_
  std::string path_;
};

}  // namespace stepcast
