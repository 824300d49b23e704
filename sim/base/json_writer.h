// The one way out for JSON: every --json output and every profile file is written with this small
// streaming writer. Keys stand in the order of the calls, numbers are the same on every machine.
//
//   JsonWriter w;
//   w.begin_object();
//   w.key("step_time_s");
//   w.value(1.5);
//   w.member("stages", 4);            // key and value in one call
//   w.end_object();
//   w.text();                         // finished document, with a newline at its end
#pragma once

#include <concepts>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace stepcast {

/// Appends `text` in double quotes, escaped. Bytes that are not UTF-8 (file names may hold them)
/// become U+FFFD, so that the document is always valid.
void append_json_string(std::string& out, std::string_view text);

/// Calls in an impossible order (a value without a key in an object, an end without a begin) and
/// numbers that JSON cannot hold (NaN, infinity) are our bugs: STEPCAST_CHECK.
class JsonWriter {
 public:
  /// kPretty: one member or element per line, indented by 2. kOneLine: no line breaks.
  enum class Layout : std::uint8_t { kPretty, kOneLine };

  explicit JsonWriter(Layout layout = Layout::kPretty) : layout_(layout) {}

  /// A container with kOneLine keeps all that is inside on its line: rows of measured points.
  void begin_object(Layout layout = Layout::kPretty) { begin('{', layout); }
  void end_object() { end('{'); }
  void begin_array(Layout layout = Layout::kPretty) { begin('[', layout); }
  void end_array() { end('['); }

  void key(std::string_view name);

  void value(std::string_view text);
  void value(const char* text) { value(std::string_view(text)); }
  void value(const std::string& text) { value(std::string_view(text)); }
  /// Rounded to 12 significant digits (number_text of quantity_text.h).
  void value(double number);
  void value(std::same_as<bool> auto truth) { scalar(truth ? "true" : "false"); }
  void value(std::integral auto number) requires(!std::same_as<decltype(number), bool>) {
    scalar(std::to_string(number));
  }
  void null() { scalar("null"); }

  /// key() and value() in one.
  void member(std::string_view name, const auto& what) {
    key(name);
    value(what);
  }

  /// The document, once everything that was begun is ended.
  std::string text() const;

 private:
  struct Level {
    char bracket;
    Layout layout;
    bool empty = true;
  };

  void begin(char bracket, Layout layout);
  void end(char bracket);
  void scalar(std::string_view text);
  void start_value();
  void separate();
  void break_line();

  Layout layout_;
  std::vector<Level> levels_;
  bool after_key_ = false;
  bool done_ = false;
  std::string out_;
};

}  // namespace stepcast
