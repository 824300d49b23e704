#include "sim/ledger/validate.h"

#include <gtest/gtest.h>

#include "sim/base/file_io.h"

namespace stepcast {
namespace {

const Library kShipped{STEPCAST_SOURCE_DIR};

std::string table_file(const std::string& name, const std::string& text) {
  std::string path = testing::TempDir() + name;
  write_text_file_atomically(path, text);
  return path;
}

constexpr const char* kStepHeader =
    "id,kind,quality,framework,cluster,n_gpus,model,num_layers,hidden_size,num_heads,num_kv_heads,"
    "ffn_hidden_size,gated_mlp,vocab_size,tied_embeddings,num_experts,seq_len,precision,dp,tp,pp,"
    "micro_batch_size,global_batch_size,sharding,schedule,recompute,step_time_s,outcome\n";
/// A small GPT on two GPUs; the measured time is made up, and not looked at.
constexpr const char* kSmallGpt =
    "A,k,A,megatron-lm-2022,dgx-a100-80g,2,GPT,4,1024,16,16,4096,0,51200,1,,1024,fp16,1,2,1,1,4,"
    "none,,"
    "full,1.0,ok\n";
constexpr const char* kSmallMoe =
    "B,k,A,megatron-lm-2022,dgx-a100-80g,2,MoE,4,1024,16,16,4096,0,51200,1,8,1024,fp16,1,2,1,1,4,"
    "none,,"
    "full,1.0,ok\n";
/// 200 layers of hidden size 12288 on two GPUs: 362 billion parameters.
constexpr const char* kHugeGpt =
    "C,k,A,megatron-lm-2022,dgx-a100-80g,2,GPT,200,12288,96,96,49152,0,51200,1,,1024,fp16,1,2,1,1,"
    "4,none,,"
    "full,,oom\n";

TEST(Validate, AnswersEveryRowOfAStepTable) {
  const std::string file =
      table_file("steps.csv", std::string(kStepHeader) + kSmallGpt + kSmallMoe + kHugeGpt);
  const Validation v = validate(file, kShipped);
  EXPECT_EQ(v.kind, "step_times");
  ASSERT_EQ(v.answers.size(), 3u);
  EXPECT_EQ(v.answers[0].skipped, "");
  EXPECT_GT(v.answers[0].predicted_s.value(), 0);
  EXPECT_EQ(v.answers[0].fit, "fits");
  EXPECT_EQ(v.answers[1].skipped, "mixture of experts is not modelled");
  EXPECT_EQ(v.answers[2].fit, "does not fit");
  EXPECT_FALSE(v.answers[2].predicted_s.has_value());
  EXPECT_EQ(v.oom.true_oom, 1);
  EXPECT_EQ(v.oom.true_fit, 1);
}

TEST(Validate, TheNumberOfWorkersChangesNothing) {
  const std::string file = table_file("same.csv", std::string(kStepHeader) + kSmallGpt + kSmallGpt);
  const Validation one =
      validate(file, kShipped, {.by = {}, .pool = {.workers = 1, .progress = {}}});
  const Validation three =
      validate(file, kShipped, {.by = {}, .pool = {.workers = 3, .progress = {}}});
  for (std::size_t i = 0; i < 2; ++i)
    EXPECT_EQ(one.answers[i].predicted_s, three.answers[i].predicted_s);
  EXPECT_EQ(one.answers[0].predicted_s, one.answers[1].predicted_s);
}

TEST(Validate, ACellThatCannotBeReadSkipsItsRowOnly) {
  std::string bad = kSmallGpt;
  bad.replace(bad.find(",4,1024,"), 3, ",x,");  // num_layers
  const Validation v =
      validate(table_file("cell.csv", std::string(kStepHeader) + bad + kSmallGpt), kShipped);
  EXPECT_NE(v.answers[0].skipped.find("num_layers = \"x\""), std::string::npos);
  EXPECT_EQ(v.answers[1].skipped, "");
}

TEST(Validate, KernelTablesAreTimedByTheDeviceProfile) {
  const std::string file = table_file("gemm.csv",
                                      "source,gpu,dtype,m,n,k,batch,layout,time_us\n"
                                      "s,H100-SXM5-80GB,bf16,8192,8192,8192,1,TN,1500\n"
                                      "s,Other,bf16,8192,8192,8192,1,TN,1500\n");
  const Validation v = validate(file, kShipped);
  EXPECT_EQ(v.kind, "gemm");
  // 2 * 8192^3 flops at the datasheet's 989.5 TFLOP/s are 1.11 ms; no kernel is faster, and no good
  // one takes three times as long.
  EXPECT_GT(v.answers[0].predicted_s.value(), 1.11e-3);
  EXPECT_LT(v.answers[0].predicted_s.value(), 3.3e-3);
  EXPECT_NE(v.answers[1].skipped.find("Other"), std::string::npos);
}

TEST(Validate, OtherTablesAreRecognisedAndSkippedWithAReason) {
  const std::string file = table_file("collectives.csv",
                                      "id,system,collective,n_gpus,size_bytes,time_us\n"
                                      "x,s,all_reduce,8,1024,10\n");
  const Validation v = validate(file, kShipped);
  EXPECT_EQ(v.kind, "collectives");
  EXPECT_EQ(v.answers.at(0).id, "x");
  EXPECT_NE(v.answers.at(0).skipped, "");
}

TEST(Validate, AnUnknownHeaderIsTheUsersMistake) {
  EXPECT_THROW(validate(table_file("other.csv", "a,b\n1,2\n"), kShipped), Error);
}

}  // namespace
}  // namespace stepcast
