// Where token ids come from.
#pragma once

#include <cstdint>

namespace stepcast {

/// Sequences are numbered over the whole training: sequence s of step n is number
/// n * global_batch_size + s, whichever rank it falls to.
class BatchSource {
 public:
  virtual ~BatchSource() = default;
  /// Of positions 0 .. seq_len; the label of a token is the one behind it.
  virtual std::int32_t token(std::int64_t sequence, std::int64_t position) const = 0;
};

/// Counts up from a start and with a stride that the number of the sequence gives, a fifth of the
/// tokens off by one: learnable, though not wholly.
class CountingTask final : public BatchSource {
 public:
  CountingTask(std::int64_t words, std::uint64_t seed) : words_(words), seed_(seed) {}
  std::int32_t token(std::int64_t sequence, std::int64_t position) const override;

 private:
  std::int64_t words_;
  std::uint64_t seed_;
};

}  // namespace stepcast
