#include <gtest/gtest.h>

#include <filesystem>

#include "sim/model/model.h"

namespace stepcast {
namespace {

/// A small valid model, with `more` members before its closing brace.
std::string model_text(const std::string& more = "") {
  return R"({"name": "tiny", "num_layers": 2, "hidden_size": 64, "num_heads": 4,
             "vocab_size": 100, "max_positions": 16)" +
         (more.empty() ? "" : ", " + more) + "}";
}

Model read(const std::string& text) {
  Problems problems;
  Model model = read_model(parse_json(text, "tiny.json").root(), problems);
  problems.raise_if_any();
  return model;
}

/// All messages for `text`, or nothing when it is accepted.
std::string complaint(const std::string& text) {
  try {
    read(text);
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::kInput);
    return error.what();
  }
  return "";
}

#define EXPECT_COMPLAINT(text, part) \
  EXPECT_NE(complaint(text).find(part), std::string::npos) << "complaint: " << complaint(text)

TEST(ReadModel, FillsInGptDefaults) {
  const Model model = read(model_text());
  EXPECT_EQ(model.name, "tiny");
  EXPECT_EQ(model.num_kv_heads, 4);
  EXPECT_EQ(model.head_dim, 16);
  EXPECT_EQ(model.ffn_hidden_size, 256);
  EXPECT_EQ(model.activation, Activation::kGelu);
  EXPECT_FALSE(model.gated_mlp);
  EXPECT_EQ(model.norm, Norm::kLayerNorm);
  EXPECT_EQ(model.position_embedding, PositionEmbedding::kLearned);
  EXPECT_TRUE(model.tied_embeddings && model.linear_bias && model.qkv_bias && model.norm_bias);
  EXPECT_TRUE(model.causal && model.final_norm);
  EXPECT_FALSE(model.embedding_norm || model.pooler || model.mlm_head || model.nsp_head);
}

TEST(ReadModel, DerivesDefaultsFromOtherChoices) {
  const Model model =
      read(model_text(R"("activation": "swiglu", "norm": "rms_norm", "linear_bias": false)"));
  EXPECT_TRUE(model.gated_mlp);
  EXPECT_FALSE(model.norm_bias);
  EXPECT_FALSE(model.qkv_bias);
}

TEST(ReadModel, LetsStatedValuesOverrideDerivedOnes) {
  const Model model = read(model_text(
      R"("linear_bias": false, "qkv_bias": true, "norm_bias": false, "gated_mlp": true,
         "num_kv_heads": 2, "head_dim": 24, "ffn_hidden_size": 100)"));
  EXPECT_TRUE(model.qkv_bias);
  EXPECT_FALSE(model.norm_bias);
  EXPECT_TRUE(model.gated_mlp);
  EXPECT_EQ(model.num_kv_heads, 2);
  EXPECT_EQ(model.head_dim, 24);
  EXPECT_EQ(model.ffn_hidden_size, 100);
}

TEST(ReadModel, WantsHiddenSizeToBeAMultipleOfTheHeadsUnlessHeadDimIsGiven) {
  const std::string odd =
      R"({"name": "odd", "num_layers": 2, "hidden_size": 100, "num_heads": 12, "vocab_size": 50,
          "max_positions": 8)";
  EXPECT_COMPLAINT(odd + "}", "hidden_size = 100 must be a multiple of num_heads = 12");
  EXPECT_EQ(read(odd + R"(, "head_dim": 8})").head_dim, 8);
}

TEST(ReadModel, ListsTheDivisorsWhenKvHeadsDoNotDivideHeads) {
  EXPECT_COMPLAINT(model_text(R"("num_kv_heads": 3)"),
                   "num_kv_heads = 3 must divide num_heads = 4 (1, 2, 4)");
}

TEST(ReadModel, WantsAPositionTableExactlyWhenPositionsAreLearned) {
  EXPECT_COMPLAINT(R"({"name": "a", "num_layers": 1, "hidden_size": 8, "num_heads": 1,
                       "vocab_size": 9})",
                   "max_positions must be at least 1");
  EXPECT_COMPLAINT(model_text(R"("position_embedding": "rotary")"), "max_positions = 16 counts");
}

TEST(ReadModel, WantsEvenHeadsForRotaryPositions) {
  EXPECT_COMPLAINT(R"({"name": "a", "num_layers": 1, "hidden_size": 6, "num_heads": 2,
                       "vocab_size": 9, "position_embedding": "rotary"})",
                   "head_dim = 3 must be even");
}

TEST(ReadModel, RefusesPartsThatContradictEachOther) {
  EXPECT_COMPLAINT(model_text(R"("activation": "swiglu", "gated_mlp": false)"),
                   "gated_mlp = false");
  EXPECT_COMPLAINT(model_text(R"("norm": "rms_norm", "norm_bias": true)"), "norm_bias = true");
  EXPECT_COMPLAINT(model_text(R"("causal": false, "nsp_head": true)"), "nsp_head = true");
  EXPECT_COMPLAINT(model_text(R"("pooler": true)"), "set causal to false");
  EXPECT_COMPLAINT(model_text(R"("mlm_head": true)"), "set causal to false");
}

TEST(ReadModel, RefusesSizesWhoseParametersCannotBeCounted) {
  EXPECT_COMPLAINT(R"({"name": "huge", "num_layers": 100000, "hidden_size": 10000000,
                       "num_heads": 1, "vocab_size": 9, "max_positions": 1})",
                   "1.2e+20 parameters");
}

TEST(ReadModel, ReportsUnknownKeysAndAllMistakesAtOnce) {
  const std::string text = complaint(
      R"({"name": "a", "num_layers": 0, "hiden_size": 64, "hidden_size": 64, "num_heads": "four",
          "vocab_size": 9, "activation": "gelo"})");
  for (const char* part : {"num_layers", "hiden_size", "num_heads", "activation"})
    EXPECT_NE(text.find(part), std::string::npos) << part << " in:\n" << text;
  // Consistency is not judged on values that were not understood.
  EXPECT_EQ(text.find("max_positions"), std::string::npos) << text;
}

TEST(ReadModel, AcceptsEveryShippedModel) {
  int files = 0;
  const std::filesystem::path folder = std::filesystem::path(STEPCAST_SOURCE_DIR) / "models";
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    if (entry.path().extension() != ".json") continue;
    Problems problems;
    const Model model = read_model(read_json_file(entry.path().string()).root(), problems);
    EXPECT_TRUE(problems.empty()) << problems.all().front().text();
    EXPECT_FALSE(model.name.empty()) << entry.path();
    ++files;
  }
  EXPECT_GE(files, 33);
}

}  // namespace
}  // namespace stepcast
