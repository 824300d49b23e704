// Text -> tree. nlohmann/json's event parser checks the grammar, UTF-8 and escapes without
// recursion; TreeBuilder takes its events, adds what that library leaves out (places, limits of
// depth and size, duplicate keys, exact integers) and never builds its DOM, whose copy and
// destruction recurse and whose getters truncate.
#include <algorithm>
#include <charconv>
#include <limits>
#include <map>
#include <nlohmann/json.hpp>

#include "sim/base/json_syntax.h"
#include "sim/base/json_tree.h"

namespace stepcast {
namespace {

constexpr std::size_t kMaxProblems = 100;  // after these, reading on helps nobody

/// Walks over the text behind the parser and knows line and column. Columns count characters, not
/// the bytes of UTF-8.
class Cursor {
 public:
  explicit Cursor(std::string_view text) : text_(text) {}

  std::size_t offset() const { return offset_; }
  std::uint32_t line() const { return line_; }
  std::uint32_t column() const { return column_; }

  void move_to(std::size_t offset) {
    for (; offset_ < offset; ++offset_) {
      if (text_[offset_] == '\n') {
        ++line_;
        column_ = 1;
      } else if ((static_cast<unsigned char>(text_[offset_]) & 0xC0) != 0x80) {
        ++column_;
      }
    }
  }
  /// To the next token that is no comma or colon. The grammar was checked, so it exists.
  void to_token() {
    move_to(std::min(text_.find_first_not_of(" \t\r\n,:", offset_), text_.size()));
  }
  void over_bracket() { move_to(offset_ + 1); }
  void over_string() {
    std::size_t end = offset_ + 1;
    while (text_[end] != '"') end += text_[end] == '\\' ? 2 : 1;
    move_to(end + 1);
  }
  /// Over a number, true, false or null; returns it.
  std::string_view over_word() {
    const std::size_t begin = offset_;
    move_to(std::min(text_.find_first_of(",]} \t\r\n", offset_), text_.size()));
    return text_.substr(begin, offset_ - begin);
  }

 private:
  std::string_view text_;
  std::size_t offset_ = 0;
  std::uint32_t line_ = 1;
  std::uint32_t column_ = 1;
};

/// Receives the events of nlohmann's parser. A method that returns false stops the parser.
class TreeBuilder : public nlohmann::json_sax<nlohmann::json> {
 public:
  explicit TreeBuilder(JsonDocument::Impl& tree) : tree_(tree), cursor_(tree.text) {}

  std::vector<Problem> take_problems() { return std::move(problems_); }

  bool null() override {
    if (!add(JsonNull{})) return false;
    cursor_.over_word();
    return true;
  }
  bool boolean(bool truth) override {
    if (!add(truth)) return false;
    cursor_.over_word();
    return true;
  }
  bool number_integer(number_integer_t) override { return number(); }
  bool number_unsigned(number_unsigned_t) override { return number(); }
  bool number_float(number_float_t, const string_t&) override { return number(); }
  bool string(string_t& text) override {
    if (!add(pooled(text)) || !accept_text(text, "the text")) return false;
    cursor_.over_string();
    return true;
  }
  bool binary(binary_t&) override { return false; }  // JSON text has none

  bool start_object(std::size_t) override { return open(JsonObject{}); }
  bool end_object() override { return close(); }
  bool start_array(std::size_t) override { return open(JsonArray{}); }
  bool end_array() override { return close(); }
  bool key(string_t& name) override;

  bool parse_error(std::size_t consumed, const std::string&,
                   const nlohmann::detail::exception& error) override;

 private:
  struct Key {
    PooledText name;
    std::uint32_t line;
    std::uint32_t column;
  };
  /// A container that is still open.
  struct Level {
    std::uint32_t node;
    std::uint32_t last_child = 0;  ///< 0 = none yet
    std::size_t children = 0;
    std::map<std::string, std::uint32_t> key_lines = {};
  };

  bool add(decltype(JsonNode::value) value);
  void link(std::uint32_t child);
  bool number();
  bool open(decltype(JsonNode::value) container);
  bool close();
  bool accept_text(const std::string& text, const std::string& what);
  PooledText pooled(const std::string& text);
  /// Path of the value added last.
  std::string path() const;
  /// Notes a problem and says whether to read on.
  bool report(std::uint32_t line, std::uint32_t column, std::string path, std::string message);

  JsonDocument::Impl& tree_;
  Cursor cursor_;
  std::vector<Level> levels_;
  Key key_{};
  std::vector<Problem> problems_;
};

bool TreeBuilder::add(decltype(JsonNode::value) value) {
  cursor_.to_token();
  if (tree_.nodes.size() == kMaxJsonValues) {
    report(cursor_.line(), cursor_.column(), "",
           "the file holds more than " + std::to_string(kMaxJsonValues) + " values");
    return false;
  }
  JsonNode node{.value = value,
                .key = {},
                .begin = static_cast<std::uint32_t>(cursor_.offset()),
                .line = cursor_.line(),
                .column = cursor_.column()};
  const bool is_member = !levels_.empty() &&
                         std::holds_alternative<JsonObject>(tree_.nodes[levels_.back().node].value);
  if (is_member) {
    node.key = key_.name;
    node.line = key_.line;
    node.column = key_.column;
  }
  tree_.nodes.push_back(node);
  if (!levels_.empty()) link(static_cast<std::uint32_t>(tree_.nodes.size() - 1));
  return true;
}

/// Makes the newest node the last child of the innermost open container.
void TreeBuilder::link(std::uint32_t child) {
  Level& level = levels_.back();
  if (level.last_child != 0) {
    tree_.nodes[level.last_child].next = child;
  } else {
    JsonNode& parent = tree_.nodes[level.node];
    if (auto* object = std::get_if<JsonObject>(&parent.value)) object->first = child;
    if (auto* array = std::get_if<JsonArray>(&parent.value)) array->first = child;
  }
  level.last_child = child;
  ++level.children;
}

/// Numbers are read from the text itself: integers exactly, the rest without any locale.
bool TreeBuilder::number() {
  if (!add(JsonNull{})) return false;
  JsonNode& node = tree_.nodes.back();
  const std::string_view text = cursor_.over_word();
  const char* end = text.data() + text.size();
  const bool is_integer = text.find_first_of(".eE") == std::string_view::npos;
  std::int64_t whole = 0;
  double real = 0;
  if (is_integer && std::from_chars(text.data(), end, whole).ec == std::errc()) {
    node.value = whole;
  } else if (!is_integer && std::from_chars(text.data(), end, real).ec == std::errc()) {
    node.value = real;
  } else {
    return report(node.line, node.column, path(),
                  "= " + shortened_number(text) +
                      (is_integer ? " does not fit a 64-bit integer (at most 9223372036854775807)"
                                  : " is beyond the range of a double (2.3e-308 to 1.7e308)"));
  }
  return true;
}

bool TreeBuilder::open(decltype(JsonNode::value) container) {
  if (levels_.size() == kMaxJsonDepth) {
    cursor_.to_token();
    report(cursor_.line(), cursor_.column(), "",
           "values are nested more than " + std::to_string(kMaxJsonDepth) + " levels deep");
    return false;
  }
  if (!add(container)) return false;
  cursor_.over_bracket();
  levels_.push_back({.node = static_cast<std::uint32_t>(tree_.nodes.size() - 1)});
  return true;
}

bool TreeBuilder::close() {
  cursor_.to_token();
  cursor_.over_bracket();
  levels_.pop_back();
  return true;
}

bool TreeBuilder::key(string_t& name) {
  cursor_.to_token();
  key_ = {pooled(name), cursor_.line(), cursor_.column()};
  if (!accept_text(name, "the key")) return false;
  cursor_.over_string();
  const auto [first, is_new] = levels_.back().key_lines.emplace(name, key_.line);
  if (is_new) return true;
  // The path of the object itself, not of the member read before.
  levels_.back().children = 0;
  const std::string owner = path();
  return report(key_.line, key_.column, member_path(owner, name),
                ": this key already stands on line " + std::to_string(first->second) +
                    " in the same object; remove one of the two");
}

/// A NUL inside text would cut file names and messages short where C code reads them.
bool TreeBuilder::accept_text(const std::string& text, const std::string& what) {
  if (text.find('\0') == std::string::npos) return true;
  return report(cursor_.line(), cursor_.column(), "", what + " holds \\u0000; remove it");
}

PooledText TreeBuilder::pooled(const std::string& text) {
  const PooledText where{static_cast<std::uint32_t>(tree_.pool.size()),
                         static_cast<std::uint32_t>(text.size())};
  tree_.pool += text;
  return where;
}

std::string TreeBuilder::path() const {
  std::string result;
  for (const Level& level : levels_) {
    if (level.children == 0) break;
    if (std::holds_alternative<JsonObject>(tree_.nodes[level.node].value))
      result = member_path(result, tree_.decoded(tree_.nodes[level.last_child].key));
    else
      result = element_path(result, level.children - 1);
  }
  return result;
}

bool TreeBuilder::report(std::uint32_t line, std::uint32_t column, std::string path,
                         std::string message) {
  problems_.push_back({.file = tree_.file,
                       .line = static_cast<int>(line),
                       .column = static_cast<int>(column),
                       .path = std::move(path),
                       .message = std::move(message)});
  return problems_.size() < kMaxProblems;
}

bool TreeBuilder::parse_error(std::size_t consumed, const std::string&,
                              const nlohmann::detail::exception& error) {
  const SyntaxMistake mistake =
      explain_syntax(tree_.text, cursor_.offset(), consumed, error.what());
  Cursor place(tree_.text);  // anew: the place may lie before the end of the last word
  place.move_to(mistake.offset);
  report(place.line(), place.column(), "", mistake.sentence);
  return false;
}

/// What the grammar does not see, or the parser would pass over in silence.
void check_bytes(const JsonDocument::Impl& tree) {
  const auto refuse = [&](std::size_t offset, std::string message) {
    Cursor cursor(tree.text);
    cursor.move_to(offset);
    throw Error(ErrorKind::kInput, {Problem{.file = tree.file,
                                            .line = static_cast<int>(cursor.line()),
                                            .column = static_cast<int>(cursor.column()),
                                            .path = "",
                                            .message = std::move(message)}});
  };
  if (tree.text.size() > kMaxJsonBytes)
    refuse(0, "the text is larger than the " + std::to_string(kMaxJsonBytes) + " bytes allowed");
  if (tree.text.starts_with("\xEF\xBB\xBF"))
    refuse(0, "the file begins with a byte order mark; save it as UTF-8 without one");
  const std::size_t nul = tree.text.find('\0');
  if (nul != std::string::npos)
    refuse(nul, "the file holds a NUL byte; save it as plain UTF-8 text (UTF-16 has NUL bytes)");
}

}  // namespace

void parse_json_tree(JsonDocument::Impl& impl) {
  check_bytes(impl);
  TreeBuilder builder(impl);
  const bool complete = nlohmann::json::sax_parse(impl.text, &builder);
  std::vector<Problem> problems = builder.take_problems();
  if (!problems.empty()) throw Error(ErrorKind::kInput, std::move(problems));
  STEPCAST_CHECK(complete && !impl.nodes.empty(), "JSON is refused without a reason");
}

}  // namespace stepcast
