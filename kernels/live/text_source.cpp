#include "kernels/live/text_source.h"

#include <utility>

#include "kernels/live/hashed.h"
#include "sim/base/error.h"

namespace stepcast {

TextTask::TextTask(std::string text, std::int64_t seq_len, std::uint64_t seed,
                   const std::string& file)
    : text_(std::move(text)),
      starts_(static_cast<std::int64_t>(text_.size()) - seq_len),
      seed_(seed) {
  if (starts_ > 0) return;
  throw Error(ErrorKind::kInput,
              {{.file = file,
                .message = "has " + std::to_string(text_.size()) + " bytes; training.seq_len = " +
                           std::to_string(seq_len) + " needs one more than that"}});
}

std::int32_t TextTask::token(std::int64_t sequence, std::int64_t position) const {
  const double place = hashed_unit(seed_, static_cast<std::uint64_t>(sequence), 0);
  const auto start = static_cast<std::int64_t>(place * static_cast<double>(starts_));
  return static_cast<unsigned char>(text_[static_cast<std::size_t>(start + position)]);
}

}  // namespace stepcast
