#include "sim/base/json_fields.h"

#include <algorithm>
#include <utility>

#include "sim/base/plain_text.h"
#include "sim/base/quantity_text.h"

namespace stepcast {
namespace {

constexpr std::size_t kShownUnknownKeys = 20;
constexpr std::string_view kAlwaysAllowed[] = {"$schema", "comment"};

constexpr Dtype kDtypes[] = {Dtype::kFp32, Dtype::kTf32, Dtype::kFp16, Dtype::kBf16, Dtype::kFp8};
constexpr Grade kGrades[] = {Grade::kMeasured, Grade::kFitted, Grade::kTransferred,
                             Grade::kAssumed};

/// The names of enumerators, in the order of `values`.
template <typename Enum, std::size_t N>
std::vector<std::string_view> names_of(const Enum (&values)[N]) {
  std::vector<std::string_view> names;
  for (const Enum value : values) names.push_back(name_of(value));
  return names;
}

template <typename Enum, std::size_t N>
std::size_t index_of(const Enum (&values)[N], Enum wanted) {
  return static_cast<std::size_t>(std::find(values, values + N, wanted) - values);
}

std::string joined(std::span<const std::string> names) {
  std::string text;
  for (const std::string& name : names) text += (text.empty() ? "" : ", ") + name;
  return text;
}

std::string quoted_list(std::span<const std::string_view> names) {
  std::string text;
  for (const std::string_view name : names)
    text += (text.empty() ? "\"" : ", \"") + std::string(name) + "\"";
  return text;
}

/// The rule that `value` breaks, if any: "at least 1".
std::string broken_rule(std::int64_t value, IntegerRange range) {
  if (value < range.min) return "at least " + std::to_string(range.min);
  if (value > range.max) return "at most " + std::to_string(range.max);
  return "";
}

std::string broken_rule(double value, NumberRange range) {
  if (range.exclude_min && value <= range.min) return "more than " + number_text(range.min);
  if (value < range.min) return "at least " + number_text(range.min);
  if (value > range.max) return "at most " + number_text(range.max);
  return "";
}

std::string expected_text(IntegerRange range) {
  return "a whole number from " + std::to_string(range.min) + " to " + std::to_string(range.max);
}

std::string expected_text(NumberRange range) {
  return std::string("a number ") + (range.exclude_min ? "above " : "from ") +
         number_text(range.min) + (range.exclude_min ? ", up to " : " to ") +
         number_text(range.max);
}

/// What a required number becomes after a mistake: inside its range, so that nobody divides by an
/// excluded zero.
double harmless_number(NumberRange range) {
  if (!range.exclude_min) return range.min;
  return range.max >= range.min + 1 ? range.min + 1 : range.max;
}

}  // namespace

void Problems::add(Problem problem) { problems_.push_back(std::move(problem)); }

void Problems::raise_if_any(ErrorKind kind) const {
  if (problems_.empty()) return;
  const bool unsupported =
      kind == ErrorKind::kInput && std::ranges::all_of(problems_, &Problem::unsupported);
  throw Error(unsupported ? ErrorKind::kUnsupported : kind, problems_);
}

Fields::Fields(JsonValue value, Problems& problems)
    : value_(std::move(value)), problems_(problems) {
  if (!value_.is_object())
    problems_.add(value_.problem("= " + value_.excerpt() + " must be an object {...}"));
}

bool Fields::has(std::string_view key) const { return value_.member(key).has_value(); }

std::optional<JsonValue> Fields::find(std::string_view key, std::string_view expected) {
  if (std::find(asked_.begin(), asked_.end(), key) == asked_.end()) asked_.emplace_back(key);
  std::optional<JsonValue> found = value_.member(key);
  if (!found && !expected.empty()) reject(key, ": missing; expected " + std::string(expected));
  return found;
}

void Fields::reject(std::string_view key, std::string message) {
  add(key, std::move(message), false);
}

void Fields::reject_as_unsupported(std::string_view key, std::string message) {
  add(key, std::move(message), true);
}

void Fields::add(std::string_view key, std::string message, bool unsupported) {
  if (!value_.is_object()) return;  // that is the mistake to mend first, and it is reported
  const std::optional<JsonValue> found = value_.member(key);
  Problem problem = (found ? *found : value_).problem(std::move(message));
  if (!found)
    problem.path =
        value_.path().empty() ? std::string(key) : value_.path() + "." + std::string(key);
  problem.unsupported = unsupported;
  problems_.add(std::move(problem));
}

void Fields::not_modelled(std::string_view key, std::int64_t none, std::string_view what) {
  const std::int64_t value = integer(key, {}, none);
  if (value != none)
    reject_as_unsupported(key, "= " + std::to_string(value) + ": " + std::string(what) +
                                   " is not modelled; leave it out");
}

std::optional<std::int64_t> Fields::read_integer(std::string_view key, IntegerRange range,
                                                 bool required) {
  const std::optional<JsonValue> found = find(key, required ? expected_text(range) : "");
  if (!found) return std::nullopt;
  const std::optional<std::int64_t> value = found->as_integer();
  const std::string rule = value ? broken_rule(*value, range) : "a whole number";
  if (rule.empty()) return value;
  problems_.add(found->problem("= " + found->excerpt() + " must be " + rule));
  return std::nullopt;
}

std::optional<double> Fields::read_number(std::string_view key, NumberRange range, bool required) {
  const std::optional<JsonValue> found = find(key, required ? expected_text(range) : "");
  if (!found) return std::nullopt;
  const std::optional<double> value = found->as_number();
  const std::string rule = value ? broken_rule(*value, range) : "a number";
  if (rule.empty()) return value;
  problems_.add(found->problem("= " + found->excerpt() + " must be " + rule));
  return std::nullopt;
}

std::optional<bool> Fields::read_boolean(std::string_view key, bool required) {
  const std::optional<JsonValue> found = find(key, required ? "true or false" : "");
  if (!found) return std::nullopt;
  const std::optional<bool> value = found->as_boolean();
  if (!value) problems_.add(found->problem("= " + found->excerpt() + " must be true or false"));
  return value;
}

std::optional<std::string> Fields::read_text(std::string_view key, bool required) {
  const std::optional<JsonValue> found = find(key, required ? "text in double quotes" : "");
  if (!found) return std::nullopt;
  std::optional<std::string> value = found->as_string();
  if (!value)
    problems_.add(found->problem("= " + found->excerpt() + " must be text in double quotes"));
  else if (key == "name" && has_control_characters(*value))
    problems_.add(found->problem(
        ": holds a line break or another control character; a name is printed on one line"));
  return value;
}

std::optional<std::size_t> Fields::read_choice(std::string_view key,
                                               std::span<const std::string_view> names,
                                               bool required) {
  const std::string rule = "one of " + quoted_list(names);
  const std::optional<JsonValue> found = find(key, required ? rule : "");
  if (!found) return std::nullopt;
  const std::string word = found->as_string().value_or("");
  const auto place = std::find(names.begin(), names.end(), word);
  if (found->is_string() && place != names.end())
    return static_cast<std::size_t>(place - names.begin());
  std::string message = "= " + found->excerpt() + " must be " + rule;
  const std::vector<std::string> owned(names.begin(), names.end());
  if (const auto nearest = nearest_name(word, owned))
    message += "; did you mean \"" + *nearest + "\"?";
  problems_.add(found->problem(std::move(message)));
  return std::nullopt;
}

template <typename Q>
std::optional<Q> Fields::read_quantity(std::string_view key, bool required, bool allow_zero) {
  const std::string_view example = quantity_example<Q>();
  const std::optional<JsonValue> found = find(key, required ? example : "");
  if (!found) return std::nullopt;
  const std::optional<std::string> text = found->as_string();
  std::string why = "must be text with its unit, " + std::string(example);
  const std::optional<Q> value = text ? parse_quantity<Q>(*text, why) : std::nullopt;
  if (value && (allow_zero || value->value() > 0)) return value;
  if (value) why = "must be more than zero";
  problems_.add(found->problem("= " + found->excerpt() + " " + why));
  return std::nullopt;
}

std::int64_t Fields::integer(std::string_view key, IntegerRange range) {
  return read_integer(key, range, true).value_or(range.min);
}
std::int64_t Fields::integer(std::string_view key, IntegerRange range, std::int64_t otherwise) {
  return read_integer(key, range, false).value_or(otherwise);
}

double Fields::number(std::string_view key, NumberRange range) {
  return read_number(key, range, true).value_or(harmless_number(range));
}
double Fields::number(std::string_view key, NumberRange range, double otherwise) {
  return read_number(key, range, false).value_or(otherwise);
}

bool Fields::boolean(std::string_view key) { return read_boolean(key, true).value_or(false); }
bool Fields::boolean(std::string_view key, bool otherwise) {
  return read_boolean(key, false).value_or(otherwise);
}

std::string Fields::text(std::string_view key) { return read_text(key, true).value_or(""); }
std::string Fields::text(std::string_view key, std::string otherwise) {
  return read_text(key, false).value_or(std::move(otherwise));
}

std::size_t Fields::choice(std::string_view key, std::span<const std::string_view> names) {
  return read_choice(key, names, true).value_or(0);
}
std::size_t Fields::choice(std::string_view key, std::span<const std::string_view> names,
                           std::size_t otherwise) {
  return read_choice(key, names, false).value_or(otherwise);
}

template <typename Q>
Q Fields::quantity(std::string_view key, bool allow_zero) {
  return read_quantity<Q>(key, true, allow_zero).value_or(Q(1));
}
template <typename Q>
Q Fields::quantity(std::string_view key, Q otherwise, bool allow_zero) {
  return read_quantity<Q>(key, false, allow_zero).value_or(otherwise);
}

Dtype Fields::dtype(std::string_view key) { return kDtypes[choice(key, names_of(kDtypes))]; }
Dtype Fields::dtype(std::string_view key, Dtype otherwise) {
  return kDtypes[choice(key, names_of(kDtypes), index_of(kDtypes, otherwise))];
}
Grade Fields::grade(std::string_view key, Grade otherwise) {
  return kGrades[choice(key, names_of(kGrades), index_of(kGrades, otherwise))];
}

std::optional<JsonValue> Fields::child(std::string_view key) { return find(key, ""); }
std::optional<JsonValue> Fields::required_child(std::string_view key, std::string_view expected) {
  return find(key, expected);
}

void Fields::finish() {
  std::size_t unknown = 0;
  for (const std::string& key : value_.keys()) {
    if (std::find(asked_.begin(), asked_.end(), key) != asked_.end()) continue;
    if (std::ranges::find(kAlwaysAllowed, key) != std::end(kAlwaysAllowed)) continue;
    if (++unknown > kShownUnknownKeys) continue;
    const std::optional<std::string> nearest = nearest_name(key, asked_);
    reject(key, nearest ? ": unknown key, did you mean \"" + *nearest + "\"?"
                        : ": unknown key; known here: " + joined(asked_));
  }
  if (unknown > kShownUnknownKeys)
    problems_.add(
        value_.problem(": " + std::to_string(unknown - kShownUnknownKeys) + " more unknown keys"));
}

// quantity() for every type of quantity.h.
template Bytes Fields::quantity(std::string_view, bool);
template Bytes Fields::quantity(std::string_view, Bytes, bool);
template Flops Fields::quantity(std::string_view, bool);
template Flops Fields::quantity(std::string_view, Flops, bool);
template Seconds Fields::quantity(std::string_view, bool);
template Seconds Fields::quantity(std::string_view, Seconds, bool);
template BytesPerSec Fields::quantity(std::string_view, bool);
template BytesPerSec Fields::quantity(std::string_view, BytesPerSec, bool);
template FlopsPerSec Fields::quantity(std::string_view, bool);
template FlopsPerSec Fields::quantity(std::string_view, FlopsPerSec, bool);
template Watts Fields::quantity(std::string_view, bool);
template Watts Fields::quantity(std::string_view, Watts, bool);
template Joules Fields::quantity(std::string_view, bool);
template Joules Fields::quantity(std::string_view, Joules, bool);
template Dollars Fields::quantity(std::string_view, bool);
template Dollars Fields::quantity(std::string_view, Dollars, bool);
template DollarsPerHour Fields::quantity(std::string_view, bool);
template DollarsPerHour Fields::quantity(std::string_view, DollarsPerHour, bool);
template DollarsPerJoule Fields::quantity(std::string_view, bool);
template DollarsPerJoule Fields::quantity(std::string_view, DollarsPerJoule, bool);

}  // namespace stepcast
