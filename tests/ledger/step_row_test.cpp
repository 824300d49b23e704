#include "sim/ledger/step_row.h"

#include <gtest/gtest.h>

#include "sim/ledger/validate.h"

namespace stepcast {
namespace {

constexpr const char* kHeader =
    "id,framework,cluster,n_gpus,num_layers,hidden_size,num_heads,num_kv_heads,tp,pp,"
    "global_batch_size,step_time_s,memory_kind,peak_memory_gb,outcome\n";

StepRow row_of(const std::string& line) {
  const CsvTable table = parse_csv(kHeader + line, "steps.csv");
  return read_step_row(table, table.records.at(0));
}

TEST(StepRow, KeepsWhatWasNotPublishedApart) {
  const StepRow row = row_of("A-1,nanotron,c,8,,1024,16,mla,2,1,32,1.5,static,20.5,ok\n");
  EXPECT_EQ(row.id, "A-1");
  EXPECT_EQ(row.num_gpus, 8);
  EXPECT_FALSE(row.num_layers.has_value());
  EXPECT_EQ(row.hidden_size, 1024);
  EXPECT_EQ(row.num_kv_heads, "mla");
  EXPECT_EQ(row.step_time_s, 1.5);
  EXPECT_EQ(row.memory_kind, MemoryKind::kStatic);
  EXPECT_FALSE(row.out_of_memory);
  EXPECT_FALSE(row.vp.has_value());  // no such column
}

TEST(StepRow, OutOfMemoryCarriesNoTime) {
  const StepRow row = row_of("A-1,nanotron,c,8,24,1024,16,16,2,1,32,,,,oom\n");
  EXPECT_TRUE(row.out_of_memory);
  EXPECT_FALSE(row.step_time_s.has_value());
}

TEST(StepRow, RefusesUnknownWordsAndNegativeTimes) {
  EXPECT_THROW(row_of("A-1,f,c,8,24,1024,16,16,2,1,32,1,guess,1,ok\n"), Error);
  EXPECT_THROW(row_of("A-1,f,c,8,24,1024,16,16,2,1,32,1,,,maybe\n"), Error);
  EXPECT_THROW(row_of("A-1,f,c,8,24,1024,16,16,2,1,32,-1,,,ok\n"), Error);
}

TEST(StepRow, TheHeaderTellsAStepTable) {
  EXPECT_EQ(recognise(parse_csv(kHeader, "t")), LedgerKind::kStepTimes);
  EXPECT_NE(recognise(parse_csv("gpu,dtype,m,n,k,time_us\n", "t")), LedgerKind::kStepTimes);
}

}  // namespace
}  // namespace stepcast
