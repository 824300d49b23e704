// What the parameters of tests are called, in names of tests and in messages: short, and the same
// in every run. GoogleTest prints the bytes of what it does not know, pointers and all.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <cctype>
#include <string>

namespace stepcast {

/// Names of tests have letters, digits and underscores.
inline std::string as_test_name(std::string text) {
  std::replace_if(
      text.begin(), text.end(), [](unsigned char c) { return std::isalnum(c) == 0; }, '_');
  return text;
}

/// By what PrintTo() says of the parameter, or <<.
struct PrintedName {
  template <typename Parameter>
  std::string operator()(const testing::TestParamInfo<Parameter>& info) const {
    return as_test_name(testing::PrintToString(info.param));
  }
};

/// Strings, which are printed in quotes.
inline std::string plain_name(const testing::TestParamInfo<std::string>& info) {
  return as_test_name(info.param);
}

}  // namespace stepcast
