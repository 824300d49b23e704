#include "kernels/live/live_records.h"

#include <cstring>

#include "sim/base/error.h"

namespace stepcast {
namespace {

struct Head {
  RecordKind kind{};
  std::uint64_t bytes = 0;
};

/// Of the first piece.
Head head_of(std::span<const std::byte> kept) {
  Head head;
  STEPCAST_CHECK(kept.size() >= sizeof head, "a record without its head");
  std::memcpy(&head, kept.data(), sizeof head);
  return head;
}

template <typename T>
std::vector<T> values_of(std::span<const std::byte> bytes) {
  STEPCAST_CHECK(bytes.size() % sizeof(T) == 0, "a record of another type");
  std::vector<T> values(bytes.size() / sizeof(T));
  if (!values.empty()) std::memcpy(values.data(), bytes.data(), bytes.size());
  return values;
}

void add(RankRecords& records, RecordKind kind, std::span<const std::byte> bytes) {
  switch (kind) {
    case RecordKind::kBegin: {
      const BeginRecord begin = values_of<BeginRecord>(bytes).at(0);
      records.sharing = begin.sharing;
      records.processor = begin.processor;
      records.lost_known = begin.lost_known;
      return;
    }
    case RecordKind::kStep:
      records.steps.push_back(values_of<StepRecord>(bytes).at(0));
      return;
    case RecordKind::kOpTimes:
      records.op_times.push_back(values_of<OpTime>(bytes));
      return;
    case RecordKind::kRound:
      records.rounds.push_back(values_of<double>(bytes));
      return;
    case RecordKind::kOps:
      records.last_ops = values_of<TimedOp>(bytes);
      return;
    case RecordKind::kEnd: {
      const EndRecord end = values_of<EndRecord>(bytes).at(0);
      records.peak_memory = Bytes(end.peak_memory_bytes);
      records.complete = true;
      return;
    }
  }
}

}  // namespace

void keep_record(RankContext& context, RecordKind kind, std::span<const std::byte> bytes) {
  const Head head{.kind = kind, .bytes = bytes.size()};
  std::vector<std::byte> piece(sizeof head + bytes.size());
  std::memcpy(piece.data(), &head, sizeof head);
  if (!bytes.empty()) std::memcpy(piece.data() + sizeof head, bytes.data(), bytes.size());
  context.keep(piece);
}

std::size_t StepCount::of(std::span<const std::byte> kept) {
  while (read_ < kept.size()) {
    const Head head = head_of(kept.subspan(read_));
    read_ += sizeof head + head.bytes;
    if (head.kind == RecordKind::kStep) ++steps_;
  }
  return steps_;
}

RankRecords read_records(std::span<const std::byte> kept) {
  RankRecords records;
  while (!kept.empty()) {
    const Head head = head_of(kept);
    kept = kept.subspan(sizeof head);
    STEPCAST_CHECK(kept.size() >= head.bytes, "a record was not kept whole");
    add(records, head.kind, kept.first(head.bytes));
    kept = kept.subspan(head.bytes);
  }
  return records;
}

}  // namespace stepcast
