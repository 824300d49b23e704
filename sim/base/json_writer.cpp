#include "sim/base/json_writer.h"

#include <cmath>

#include "sim/base/error.h"
#include "sim/base/quantity_text.h"

namespace stepcast {
namespace {

/// Length of the well-formed UTF-8 sequence at the start of `text`, 0 when there is none
/// [The Unicode Standard 15, table 3-7].
std::size_t utf8_length(std::string_view text) {
  const auto byte = [&](std::size_t i) {
    return i < text.size() ? static_cast<unsigned char>(text[i]) : 0u;
  };
  const auto follows = [&](std::size_t i, unsigned low = 0x80, unsigned high = 0xBF) {
    return byte(i) >= low && byte(i) <= high;
  };
  const unsigned lead = byte(0);
  if (lead < 0x80) return 1;
  if (lead >= 0xC2 && lead <= 0xDF) return follows(1) ? 2 : 0;
  // The second byte's range shuts out overlong forms, surrogates and code points past U+10FFFF.
  if (lead >= 0xE0 && lead <= 0xEF)
    return follows(1, lead == 0xE0 ? 0xA0 : 0x80, lead == 0xED ? 0x9F : 0xBF) && follows(2) ? 3 : 0;
  if (lead >= 0xF0 && lead <= 0xF4) {
    const bool second = follows(1, lead == 0xF0 ? 0x90 : 0x80, lead == 0xF4 ? 0x8F : 0xBF);
    return second && follows(2) && follows(3) ? 4 : 0;
  }
  return 0;
}

void append_control(std::string& out, unsigned char c) {
  constexpr std::string_view kHex = "0123456789abcdef";
  out += "\\u00";
  out += kHex[c >> 4];
  out += kHex[c & 15];
}

void append_ascii(std::string& out, char c) {
  switch (c) {
    case '"':
      out += "\\\"";
      return;
    case '\\':
      out += "\\\\";
      return;
    case '\n':
      out += "\\n";
      return;
    case '\r':
      out += "\\r";
      return;
    case '\t':
      out += "\\t";
      return;
    default:
      break;
  }
  if (static_cast<unsigned char>(c) < 0x20 || c == 0x7F)
    append_control(out, static_cast<unsigned char>(c));
  else
    out += c;
}

}  // namespace

void append_json_string(std::string& out, std::string_view text) {
  out += '"';
  while (!text.empty()) {
    const std::size_t length = utf8_length(text);
    if (length == 0)
      out += "\xEF\xBF\xBD";  // U+FFFD, the replacement character
    else if (length == 1)
      append_ascii(out, text[0]);
    else
      out += text.substr(0, length);
    text.remove_prefix(length == 0 ? 1 : length);
  }
  out += '"';
}

void JsonWriter::key(std::string_view name) {
  STEPCAST_CHECK(!levels_.empty() && levels_.back().bracket == '{' && !after_key_,
                 "a JSON key is written where none can stand");
  separate();
  append_json_string(out_, name);
  out_ += ": ";
  after_key_ = true;
}

void JsonWriter::value(std::string_view text) {
  start_value();
  append_json_string(out_, text);
}

void JsonWriter::value(double number) {
  STEPCAST_CHECK(std::isfinite(number), "a number written as JSON is NaN or infinite");
  scalar(number_text(number));
}

std::string JsonWriter::text() const {
  STEPCAST_CHECK(done_ && levels_.empty(), "a JSON document is read before its end");
  return out_ + "\n";
}

void JsonWriter::begin(char bracket, Layout layout) {
  start_value();
  out_ += bracket;
  const Layout around = levels_.empty() ? layout_ : levels_.back().layout;
  levels_.push_back({bracket, around == Layout::kOneLine ? Layout::kOneLine : layout});
  done_ = false;
}

void JsonWriter::end(char bracket) {
  STEPCAST_CHECK(!levels_.empty() && levels_.back().bracket == bracket && !after_key_,
                 "a JSON container is ended that is not open, or in the middle of a member");
  const Level level = levels_.back();
  levels_.pop_back();
  if (!level.empty && level.layout == Layout::kPretty) break_line();
  out_ += bracket == '{' ? '}' : ']';
  done_ = levels_.empty();
}

void JsonWriter::scalar(std::string_view text) {
  start_value();
  out_ += text;
}

void JsonWriter::start_value() {
  STEPCAST_CHECK(!done_, "a second value is written after the end of a JSON document");
  if (levels_.empty()) {
    done_ = true;
  } else if (levels_.back().bracket == '{') {
    STEPCAST_CHECK(after_key_, "a value is written into a JSON object without its key");
    after_key_ = false;
  } else {
    separate();
  }
}

/// The comma and line break between the members or elements of the innermost container.
void JsonWriter::separate() {
  Level& level = levels_.back();
  if (!level.empty) out_ += level.layout == Layout::kPretty ? "," : ", ";
  level.empty = false;
  if (level.layout == Layout::kPretty) break_line();
}

void JsonWriter::break_line() {
  out_ += '\n';
  out_.append(2 * levels_.size(), ' ');
}

}  // namespace stepcast
