// The one way in for JSON. A document is parsed once, with a cap on size and depth, with duplicate
// keys and line numbers noticed; rooms then read it through Fields, which checks presence, type,
// unit and range, gathers every mistake, and reports keys that nobody asked for.
//
//   Problems problems;
//   JsonDocument document = read_json_file("models/gpt3-175b.json");   // throws Error on bad syntax
//   Fields fields(document.root(), problems);
//   model.num_layers = fields.integer("num_layers", {.min = 1, .max = 100'000});
//   model.tied_embeddings = fields.boolean("tied_embeddings", true);      // with default: optional
//   fields.finish();                                                       // unknown keys
//   problems.raise_if_any();                                               // one Error with them all
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "sim/base/dtype.h"
#include "sim/base/error.h"
#include "sim/base/grade.h"
#include "sim/base/quantity.h"

namespace stepcast {

/// Gathers mistakes over one or several files so that the user sees all of them in one pass.
class Problems {
 public:
  void add(Problem problem);
  bool empty() const { return problems_.empty(); }
  const std::vector<Problem>& all() const { return problems_; }
  /// Throws Error(kind) when there is any.
  void raise_if_any(ErrorKind kind = ErrorKind::kInput) const;

 private:
  std::vector<Problem> problems_;
};

/// One value inside a parsed document, with the place it stands. Cheap to copy; valid while some
/// JsonDocument of the same text lives.
class JsonValue;

/// A parsed file. Owns the text's tree.
class JsonDocument {
 public:
  JsonValue root() const;
  const std::string& file() const;
  struct Impl;
  explicit JsonDocument(std::shared_ptr<const Impl> impl) : impl_(std::move(impl)) {}

 private:
  std::shared_ptr<const Impl> impl_;
};

/// Reads and parses a regular file of at most 64 MiB and 64 levels. Throws Error: kIo when it can't
/// be opened or is no regular file, kInput with line and column on malformed or duplicate content.
JsonDocument read_json_file(const std::string& path);
/// The same for text at hand; `name` stands for the file in messages.
JsonDocument parse_json(std::string text, const std::string& name);

class JsonValue {
 public:
  bool is_object() const;
  bool is_array() const;
  bool is_string() const;
  bool is_number() const;
  bool is_boolean() const;
  /// Elements of an array (empty for anything else), each with its own place.
  std::vector<JsonValue> elements() const;
  /// Keys of an object in file order.
  std::vector<std::string> keys() const;
  std::optional<JsonValue> member(std::string_view key) const;
  std::optional<std::string> as_string() const;
  std::optional<double> as_number() const;        ///< finite, or nothing
  std::optional<std::int64_t> as_integer() const; ///< a whole number that fits, or nothing
  std::optional<bool> as_boolean() const;
  const std::string& path() const { return path_; }
  /// A problem at this place; `message` continues the path: "= -1 must be at least 1".
  Problem problem(std::string message) const;
  /// The value as it stands in the file, shortened to some 40 characters, for messages.
  std::string excerpt() const;

  JsonValue(std::shared_ptr<const JsonDocument::Impl> impl, const void* node, std::string path)
      : impl_(std::move(impl)), node_(node), path_(std::move(path)) {}

 private:
  std::shared_ptr<const JsonDocument::Impl> impl_;
  const void* node_;
  std::string path_;
};

struct IntegerRange {
  std::int64_t min = 0;
  std::int64_t max = 1'000'000'000'000;
};
struct NumberRange {
  double min = 0;
  double max = 1e18;
  bool exclude_min = false;  ///< true: the value must exceed min
};

/// Reads one object, strictly. Getters without a default report a missing key; all of them return a
/// harmless value (min of the range, empty text) after a mistake, so reading goes on to the next one.
class Fields {
 public:
  /// `value` must be an object; if not, that is reported and every getter returns harmless values.
  Fields(JsonValue value, Problems& problems);

  bool has(std::string_view key) const;
  std::int64_t integer(std::string_view key, IntegerRange range = {});
  std::int64_t integer(std::string_view key, IntegerRange range, std::int64_t otherwise);
  double number(std::string_view key, NumberRange range = {});
  double number(std::string_view key, NumberRange range, double otherwise);
  bool boolean(std::string_view key);
  bool boolean(std::string_view key, bool otherwise);
  std::string text(std::string_view key);
  std::string text(std::string_view key, std::string otherwise);
  /// One of `names`; returns its index. The message lists the names and suggests the nearest.
  std::size_t choice(std::string_view key, std::span<const std::string_view> names);
  std::size_t choice(std::string_view key, std::span<const std::string_view> names,
                     std::size_t otherwise);
  /// A quantity as text with its unit ("80 GiB", "900 GB/s", "1.5 us", "312 TFLOP/s", "700 W",
  /// "2.5 USD/h"). Q is one of the types of quantity.h. Must be positive unless `allow_zero`.
  template <typename Q>
  Q quantity(std::string_view key, bool allow_zero = false);
  template <typename Q>
  Q quantity(std::string_view key, Q otherwise, bool allow_zero = false);
  Dtype dtype(std::string_view key);
  Dtype dtype(std::string_view key, Dtype otherwise);
  Grade grade(std::string_view key, Grade otherwise);

  /// A child object or array; nothing (and a problem, for `required`) when it is absent.
  std::optional<JsonValue> child(std::string_view key);
  std::optional<JsonValue> required_child(std::string_view key);

  /// Reports a problem at `key` (or at the object when the key is absent).
  void reject(std::string_view key, std::string message);
  /// Keys that were never asked for become problems, with a suggestion. "$schema" and "comment" are
  /// always allowed.
  void finish();

  const JsonValue& value() const { return value_; }

 private:
  std::optional<JsonValue> find(std::string_view key, bool required);
  JsonValue value_;
  Problems& problems_;
  std::vector<std::string> asked_;
};

/// The closest of `names` to `word` by edit distance, when it is close enough to be a slip.
std::optional<std::string> nearest_name(std::string_view word, std::span<const std::string> names);

}  // namespace stepcast
