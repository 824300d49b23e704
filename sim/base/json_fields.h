// The one way in for JSON. A document is parsed once, with a cap on size and depth, with duplicate
// keys and line numbers noticed; rooms then read it through Fields, which checks presence, type,
// unit and range, gathers every mistake, and reports keys that nobody asked for.
//
//   Problems problems;
//   JsonDocument document = read_json_file("models/gpt3-175b.json");   // throws Error on bad
//   syntax Fields fields(document.root(), problems); model.num_layers =
//   fields.integer("num_layers", {.min = 1, .max = 100'000}); model.tied_embeddings =
//   fields.boolean("tied_embeddings", true);      // with default: optional fields.finish(); //
//   unknown keys problems.raise_if_any();                                               // one
//   Error with them all
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "sim/base/dtype.h"
#include "sim/base/error.h"
#include "sim/base/grade.h"
#include "sim/base/json_document.h"
#include "sim/base/nearest_name.h"
#include "sim/base/quantity.h"

namespace stepcast {

/// Gathers mistakes over one or several files so that the user sees all of them in one pass.
class Problems {
 public:
  void add(Problem problem);
  bool empty() const { return problems_.empty(); }
  const std::vector<Problem>& all() const { return problems_; }
  /// Throws Error(kind) when there is any; Error(kUnsupported) instead of Error(kInput) when all
  /// are of what stepcast cannot express.
  void raise_if_any(ErrorKind kind = ErrorKind::kInput) const;

 private:
  std::vector<Problem> problems_;
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

/// Reads one object, strictly. Getters without a default report a missing key; all of them go on
/// after a mistake, so that the next one is found too: they return the default where there is one,
/// else a harmless value (min of the range, empty text, first choice, quantity 1).
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
  /// `expected` completes "missing; expected ...".
  std::optional<JsonValue> required_child(std::string_view key,
                                          std::string_view expected = "an object {...}");

  /// Reports a problem at `key` (or at the object when the key is absent).
  void reject(std::string_view key, std::string message);
  /// The same of a value that is well said, and that stepcast cannot express.
  void reject_as_unsupported(std::string_view key, std::string message);
  /// A whole number that the field knows and stepcast does not model: a value other than `none`,
  /// which means that there is none of `what`, is rejected as unsupported.
  void not_modelled(std::string_view key, std::int64_t none, std::string_view what);
  /// Keys that were never asked for become problems, with a suggestion. "$schema" and "comment" are
  /// always allowed.
  void finish();

  const JsonValue& value() const { return value_; }

 private:
  /// Marks `key` as asked for. When it is absent and `expected` is not empty, that is reported:
  /// "plan.tp: missing; expected ...".
  std::optional<JsonValue> find(std::string_view key, std::string_view expected);
  void add(std::string_view key, std::string message, bool unsupported);
  std::optional<std::int64_t> read_integer(std::string_view key, IntegerRange range, bool required);
  std::optional<double> read_number(std::string_view key, NumberRange range, bool required);
  std::optional<bool> read_boolean(std::string_view key, bool required);
  std::optional<std::string> read_text(std::string_view key, bool required);
  std::optional<std::size_t> read_choice(std::string_view key,
                                         std::span<const std::string_view> names, bool required);
  template <typename Q>
  std::optional<Q> read_quantity(std::string_view key, bool required, bool allow_zero);

  JsonValue value_;
  Problems& problems_;
  std::vector<std::string> asked_;
};

}  // namespace stepcast
