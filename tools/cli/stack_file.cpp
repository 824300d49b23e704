#include "tools/cli/stack_file.h"

#include "sim/base/json_writer.h"
#include "sim/scenario/resolve.h"

namespace stepcast::cli {
namespace {

/// Writes a value as it stands in its file.
void copy_value(JsonWriter& json, const JsonValue& value) {
  if (value.is_object()) {
    json.begin_object();
    for (const std::string& key : value.keys()) {
      json.key(key);
      copy_value(json, *value.member(key));
    }
    json.end_object();
  } else if (value.is_array()) {
    json.begin_array();
    for (const JsonValue& element : value.elements()) copy_value(json, element);
    json.end_array();
  } else if (value.is_string()) {
    json.value(*value.as_string());
  } else if (value.is_boolean()) {
    json.value(*value.as_boolean());
  } else if (const auto whole = value.as_integer()) {
    json.value(*whole);
  } else if (const auto number = value.as_number()) {
    json.value(*number);
  } else {
    json.null();
  }
}

}  // namespace

std::string stack_file_text(const std::string& stack, const StackProfile& costs,
                            const std::string& source, const Library& library) {
  const JsonDocument original = read_json_file(is_path(stack) ? stack : library.stack_file(stack));
  JsonWriter json;
  json.begin_object();
  json.key("traits");
  copy_value(json, *original.root().member("traits"));
  json.key("costs");
  write_stack_profile(json, costs, source);
  json.end_object();
  return json.text();
}

}  // namespace stepcast::cli
