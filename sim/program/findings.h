// What a verifier found wrong: the first few in words, the rest counted.
#pragma once

#include <string>
#include <utility>
#include <vector>

namespace stepcast {

/// A broken program of a million ops is usually wrong a million times in the same way; only the
/// first kShown findings are spelled out.
class Findings {
 public:
  static constexpr std::size_t kShown = 20;

  /// `describe` returns the sentence; it is called only if it will be shown.
  template <typename Describe>
  void add(Describe describe) {
    if (shown_.size() < kShown)
      shown_.push_back(describe());
    else
      ++more_;
  }
  bool empty() const { return shown_.empty(); }
  std::vector<std::string> take() {
    if (more_ > 0) shown_.push_back("and " + std::to_string(more_) + " more");
    return std::move(shown_);
  }

 private:
  std::vector<std::string> shown_;
  std::size_t more_ = 0;
};

}  // namespace stepcast
