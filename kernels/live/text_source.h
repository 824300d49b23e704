// A text as training data: bytes are the tokens.
#pragma once

#include <string>

#include "kernels/live/batch_source.h"

namespace stepcast {

/// Every sequence is a window of the text at a place that the seed and its number give.
class TextTask final : public BatchSource {
 public:
  /// Throws Error(kInput), naming `file`, for a text shorter than a sequence and its last label.
  TextTask(std::string text, std::int64_t seq_len, std::uint64_t seed, const std::string& file);
  std::int32_t token(std::int64_t sequence, std::int64_t position) const override;

 private:
  std::string text_;
  std::int64_t starts_ = 0;  ///< places where a window may begin
  std::uint64_t seed_;
};

}  // namespace stepcast
