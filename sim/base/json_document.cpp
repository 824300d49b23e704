#include "sim/base/json_document.h"

#include <algorithm>

#include "sim/base/file_io.h"
#include "sim/base/json_tree.h"
#include "sim/base/json_writer.h"

namespace stepcast {
namespace {

constexpr std::size_t kExcerptLength = 40;

const JsonNode& node_of(const void* node) { return *static_cast<const JsonNode*>(node); }

bool is_word(std::string_view key) {
  return !key.empty() && key.size() <= 64 && std::all_of(key.begin(), key.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '-' || c == '$';
  });
}

/// At most `length` bytes of `text`, not cut inside a UTF-8 sequence; "..." tells of a cut.
std::string shortened(std::string_view text, std::size_t length) {
  if (text.size() <= length) return std::string(text);
  while (length > 0 && (static_cast<unsigned char>(text[length]) & 0xC0) == 0x80) --length;
  return std::string(text.substr(0, length)) + "...";
}

/// End of the string, number or literal that begins at `begin` of well-formed `text`.
std::size_t scalar_end(std::string_view text, std::size_t begin) {
  if (text[begin] != '"') return std::min(text.find_first_of(",]} \t\r\n", begin), text.size());
  std::size_t at = begin + 1;
  while (text[at] != '"') at += text[at] == '\\' ? 2 : 1;
  return at + 1;
}

}  // namespace

std::string member_path(const std::string& path, std::string_view key) {
  if (is_word(key)) return path.empty() ? std::string(key) : path + "." + std::string(key);
  std::string result = path + "[";
  append_json_string(result, shortened(key, kExcerptLength));
  return result + "]";
}

std::string element_path(const std::string& path, std::size_t index) {
  return path + "[" + std::to_string(index) + "]";
}

JsonDocument read_json_file(const std::string& path) {
  return parse_json(read_text_file(path, kMaxJsonBytes), path);
}

JsonDocument parse_json(std::string text, const std::string& name) {
  auto impl = std::make_shared<JsonDocument::Impl>();
  impl->file = name;
  impl->text = std::move(text);
  parse_json_tree(*impl);
  return JsonDocument(std::move(impl));
}

JsonValue JsonDocument::root() const { return JsonValue(impl_, impl_->nodes.data(), ""); }
const std::string& JsonDocument::file() const { return impl_->file; }

bool JsonValue::is_object() const {
  return std::holds_alternative<JsonObject>(node_of(node_).value);
}
bool JsonValue::is_array() const { return std::holds_alternative<JsonArray>(node_of(node_).value); }
bool JsonValue::is_string() const {
  return std::holds_alternative<PooledText>(node_of(node_).value);
}
bool JsonValue::is_number() const {
  return std::holds_alternative<std::int64_t>(node_of(node_).value) ||
         std::holds_alternative<double>(node_of(node_).value);
}
bool JsonValue::is_boolean() const { return std::holds_alternative<bool>(node_of(node_).value); }
bool JsonValue::is_null() const { return std::holds_alternative<JsonNull>(node_of(node_).value); }

std::vector<JsonValue> JsonValue::elements() const {
  std::vector<JsonValue> result;
  if (!is_array()) return result;
  for (std::uint32_t at = first_child(node_of(node_)); at != 0; at = impl_->nodes[at].next)
    result.emplace_back(impl_, &impl_->nodes[at], element_path(path_, result.size()));
  return result;
}

std::vector<std::string> JsonValue::keys() const {
  std::vector<std::string> result;
  if (!is_object()) return result;
  for (std::uint32_t at = first_child(node_of(node_)); at != 0; at = impl_->nodes[at].next)
    result.emplace_back(impl_->decoded(impl_->nodes[at].key));
  return result;
}

std::optional<JsonValue> JsonValue::member(std::string_view key) const {
  if (!is_object()) return std::nullopt;
  for (std::uint32_t at = first_child(node_of(node_)); at != 0; at = impl_->nodes[at].next)
    if (impl_->decoded(impl_->nodes[at].key) == key)
      return JsonValue(impl_, &impl_->nodes[at], member_path(path_, key));
  return std::nullopt;
}

std::optional<std::string> JsonValue::as_string() const {
  const auto* text = std::get_if<PooledText>(&node_of(node_).value);
  if (text == nullptr) return std::nullopt;
  return std::string(impl_->decoded(*text));
}

std::optional<double> JsonValue::as_number() const {
  if (const auto* whole = std::get_if<std::int64_t>(&node_of(node_).value))
    return static_cast<double>(*whole);
  if (const auto* real = std::get_if<double>(&node_of(node_).value)) return *real;
  return std::nullopt;
}

std::optional<std::int64_t> JsonValue::as_integer() const {
  constexpr double kExact = 9007199254740992.0;  // 2^53: up to here doubles hold every integer
  if (const auto* whole = std::get_if<std::int64_t>(&node_of(node_).value)) return *whole;
  const auto* real = std::get_if<double>(&node_of(node_).value);
  if (real == nullptr || *real < -kExact || *real > kExact) return std::nullopt;
  const auto whole = static_cast<std::int64_t>(*real);
  if (static_cast<double>(whole) != *real) return std::nullopt;
  return whole;
}

std::optional<bool> JsonValue::as_boolean() const {
  const auto* truth = std::get_if<bool>(&node_of(node_).value);
  return truth == nullptr ? std::nullopt : std::optional(*truth);
}

Problem JsonValue::problem(std::string message) const {
  const JsonNode& node = node_of(node_);
  return {.file = impl_->file,
          .line = static_cast<int>(node.line),
          .column = static_cast<int>(node.column),
          .path = path_.empty() ? "document" : path_,
          .message = std::move(message)};
}

std::string JsonValue::excerpt() const {
  if (is_object()) return first_child(node_of(node_)) == 0 ? "{}" : "{...}";
  if (is_array()) return first_child(node_of(node_)) == 0 ? "[]" : "[...]";
  const std::size_t begin = node_of(node_).begin;
  const std::string_view text(impl_->text);
  return shortened(text.substr(begin, scalar_end(text, begin) - begin), kExcerptLength);
}

}  // namespace stepcast
