// "Did you mean": the name that a mistyped word was probably meant to be.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace stepcast {

/// The closest of `names` to `word` by edit distance, when it is close enough to be a slip: about
/// one letter in three, swapped neighbours counting once; words of one or two letters must agree
/// but for case. Of equally close names the first wins.
std::optional<std::string> nearest_name(std::string_view word, std::span<const std::string> names);

/// `unknown WHAT "word", did you mean "name"? Known: a b c`, or `unknown WHAT "word"; known: a b c`
std::string unknown_name(std::string_view what, std::string_view word,
                         std::span<const std::string> names);

}  // namespace stepcast
