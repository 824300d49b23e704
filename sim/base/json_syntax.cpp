#include "sim/base/json_syntax.h"

#include <algorithm>

namespace stepcast {
namespace {

struct Row {
  std::string_view parser_says;
  std::string_view sentence;
};

/// Mistakes inside text in double quotes.
constexpr Row kStringMistakes[] = {
    {"missing closing quote", "the file ends inside text in double quotes; close the quote"},
    {"ill-formed UTF-8", "this byte is not valid UTF-8; save the file as UTF-8"},
    {"surrogate", "half of a surrogate pair; write both halves (\\uD83D\\uDE00) or the character"},
    {"control character", "line breaks and control characters inside text must be escaped (\\n)"},
    {"'\\u' must be followed", "\\u must be followed by four hexadecimal digits"},
    {"after backslash", "unknown escape; known are \\\" \\\\ \\/ \\b \\f \\n \\r \\t \\uXXXX"},
};

/// What could have stood at the place, by the thing that was being parsed.
constexpr Row kExpected[] = {
    {"; expected end of input", "expected the end of the file"},
    {"parsing object key", "expected a key in double quotes"},
    {"parsing object separator", "expected ':' between key and value"},
    {"parsing object", "expected ',' or '}'"},
    {"parsing array", "expected ',' or ']'"},
};

bool contains(std::string_view text, std::string_view part) {
  return text.find(part) != std::string_view::npos;
}

std::string_view expected_after(std::string_view parser_says) {
  for (const Row& row : kExpected)
    if (contains(parser_says, row.parser_says)) return row.sentence;
  return "expected a value";
}

/// The offending token: behind everything that was accepted, commas and colons included.
std::size_t token_begin(std::string_view text, std::size_t good, std::size_t consumed) {
  // A word like 01 was accepted up to its 0, though `good` is behind all of it.
  std::size_t at = std::min(good, consumed - std::min<std::size_t>(consumed, 1));
  while (at + 1 < consumed && contains(" \t\r\n,:", text.substr(at, 1))) ++at;
  return at;
}

bool follows_comma(std::string_view text, std::size_t at) {
  const std::size_t before = text.substr(0, at).find_last_not_of(" \t\r\n");
  return before != std::string_view::npos && text[before] == ',';
}

/// The token as a word for the message: a bracket or up to 20 printable ASCII characters.
std::string quoted_token(std::string_view text, std::size_t at) {
  constexpr std::string_view kMarks = ",:[]{}\"";
  const bool is_mark = contains(kMarks, text.substr(at, 1));
  const std::size_t end =
      is_mark ? at + 1 : std::min(text.find_first_of(" \t\r\n,:[]{}\"", at + 1), text.size());
  std::string token;
  for (const char c : text.substr(at, std::min<std::size_t>(end - at, 20)))
    token += c >= ' ' && c <= '~' ? c : '?';
  return "'" + token + "'";
}

/// Slips with a name of their own; empty when there is nothing better than "unexpected".
std::string_view slip_at(std::string_view text, std::size_t at) {
  const std::string_view rest = text.substr(at);
  if (rest.empty()) return "";
  if ((rest[0] == ']' || rest[0] == '}') && follows_comma(text, at))
    return "JSON allows no comma before a closing bracket; remove it";
  if (rest[0] == '/' || rest[0] == '#')
    return "JSON has no comments; use a \"comment\" key instead";
  if (rest[0] == '\'') return "text stands in double quotes, not in single ones";
  for (const std::string_view word : {"NaN", "nan", "Infinity", "-Infinity", "inf", "-inf"})
    if (rest.starts_with(word)) return "JSON has no NaN or infinity; leave the key out instead";
  for (const std::string_view word : {"True", "False", "None"})
    if (rest.starts_with(word)) return "JSON writes true, false and null in lower case";
  return "";
}

}  // namespace

SyntaxMistake explain_syntax(std::string_view text, std::size_t good, std::size_t consumed,
                             std::string_view parser_says) {
  consumed = std::min(consumed, text.size());
  if (text.find_first_not_of(" \t\r\n") == std::string_view::npos)
    return {text.size(), "the file is empty; expected a JSON object"};
  if (contains(parser_says, "unexpected end of input"))
    return {text.size(), "the file ends too early; " + std::string(expected_after(parser_says))};
  if (contains(parser_says, "invalid string")) {
    const bool unclosed = contains(parser_says, "missing closing quote");
    for (const Row& row : kStringMistakes)
      if (contains(parser_says, row.parser_says))
        return {unclosed || consumed == 0 ? text.size() : consumed - 1, std::string(row.sentence)};
  }
  const std::size_t at = token_begin(text, good, consumed);
  if (contains(parser_says, "number overflow")) {
    const std::size_t end = std::min(text.find_first_of(",]} \t\r\n", at), text.size());
    return {at, shortened_number(text.substr(at, end - at)) + " is too large for a number"};
  }
  if (const std::string_view slip = slip_at(text, at); !slip.empty())
    return {at, std::string(slip)};
  return {at,
          "unexpected " + quoted_token(text, at) + "; " + std::string(expected_after(parser_says))};
}

std::string shortened_number(std::string_view number) {
  if (number.size() <= 24) return std::string(number);
  return std::string(number.substr(0, 20)) + "... (" + std::to_string(number.size()) +
         " characters)";
}

}  // namespace stepcast
