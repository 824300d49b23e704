// Says in a plain sentence what is wrong with malformed JSON, and where. Knows the usual slips:
// trailing commas, comments, single quotes, NaN, a file cut short.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace stepcast {

struct SyntaxMistake {
  std::size_t offset;  ///< of the character at fault, or the text's size when it ends too early
  std::string sentence;
};

/// `good` is the end of the last token that was accepted, `consumed` how many bytes the parser had
/// read when it stopped, and `parser_says` nlohmann/json's own message.
SyntaxMistake explain_syntax(std::string_view text, std::size_t good, std::size_t consumed,
                             std::string_view parser_says);

/// A number as it stands, or its beginning and its count of characters when it is long.
std::string shortened_number(std::string_view number);

}  // namespace stepcast
