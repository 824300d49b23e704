// Parameter counts and FLOPs against published figures.
#include "sim/model/model.h"

#include <gtest/gtest.h>

#include "tests/support/parameter_names.h"

namespace stepcast {
namespace {

Model shipped(const std::string& name) {
  Problems problems;
  const JsonDocument document =
      read_json_file(std::string(STEPCAST_SOURCE_DIR) + "/models/" + name + ".json");
  Model model = read_model(document.root(), problems);
  problems.raise_if_any();
  return model;
}

struct Published {
  std::string model;
  std::int64_t parameters;
};
void PrintTo(const Published& row, std::ostream* out) { *out << row.model; }

// Exact figures: Hugging Face's num_parameters() of the released checkpoints; for MPT the column
// NumParams of the rows at 2,048 tokens in llm-foundry's training benchmarks.
class PublishedParameters : public testing::TestWithParam<Published> {};

TEST_P(PublishedParameters, AreCountedExactly) {
  EXPECT_EQ(count_parameters(shipped(GetParam().model)).total, GetParam().parameters);
}

INSTANTIATE_TEST_SUITE_P(
    Models, PublishedParameters,
    testing::Values(Published{"gpt2-small", 124'439'808}, Published{"llama2-7b", 6'738'415'616},
                    Published{"llama2-13b", 13'015'864'320},
                    Published{"llama2-70b", 68'976'648'192}, Published{"llama3-8b", 8'030'261'248},
                    Published{"llama3-70b", 70'553'706'496},
                    Published{"llama3.1-405b", 405'853'388'800},
                    Published{"bloom-176b", 176'247'271'424}, Published{"bert-base", 110'106'428},
                    Published{"bert-large", 336'226'108}, Published{"mpt-125m", 125'311'488},
                    Published{"mpt-350m", 355'985'408}, Published{"mpt-760m", 760'470'528},
                    Published{"mpt-1b", 1'315'950'592}, Published{"mpt-3b", 2'651'837'440},
                    Published{"mpt-7b", 6'658'859'008}, Published{"mpt-13b", 12'853'954'560},
                    Published{"mpt-30b", 29'975'214'080}, Published{"mpt-70b", 64'862'437'376}),
    PrintedName());

struct Rounded {
  std::string model;
  double billions;
  double half_digit;  ///< half of the last printed digit
};
void PrintTo(const Rounded& row, std::ostream* out) { *out << row.model; }

// Narayanan et al. 2021, table 1; Korthikanti et al. 2022, table 3.
class RoundedParameters : public testing::TestWithParam<Rounded> {};

TEST_P(RoundedParameters, AgreeInThePrintedDigits) {
  const double total = static_cast<double>(count_parameters(shipped(GetParam().model)).total);
  EXPECT_NEAR(total / 1e9, GetParam().billions, GetParam().half_digit);
}

INSTANTIATE_TEST_SUITE_P(
    Megatron, RoundedParameters,
    testing::Values(Rounded{"megatron-1.7b", 1.7, 0.05}, Rounded{"megatron-3.6b", 3.6, 0.05},
                    Rounded{"megatron-7.5b", 7.5, 0.05}, Rounded{"megatron-18.4b", 18.4, 0.05},
                    Rounded{"megatron-39.1b", 39.1, 0.05}, Rounded{"megatron-76.1b", 76.1, 0.05},
                    Rounded{"megatron-145.6b", 145.6, 0.05},
                    Rounded{"megatron-310.1b", 310.1, 0.05},
                    Rounded{"megatron-529.6b", 529.6, 0.05}, Rounded{"megatron-1008b", 1008, 0.5},
                    Rounded{"gpt-22b", 22, 0.5}, Rounded{"gpt3-175b", 175, 0.5},
                    Rounded{"mt-nlg-530b", 530, 0.5}, Rounded{"gpt-1t", 1000, 50}),
    PrintedName());

TEST(ParameterCount, OfBertsEncoderLeavesOutThePretrainingHeads) {
  // Hugging Face BertModel with pooler.
  for (const auto& [name, encoder] :
       {Published{"bert-base", 109'482'240}, Published{"bert-large", 335'141'888}}) {
    Model model = shipped(name);
    model.mlm_head = model.nsp_head = false;
    EXPECT_EQ(count_parameters(model).total, encoder) << name;
  }
}

TEST(ParameterCount, OfTheReleasedMpt7bHasNoBiasesAndNoPositions) {
  // Hugging Face mosaicml/mpt-7b: 50,432 rows of vocabulary, ALiBi, no_bias.
  Model model = shipped("mpt-7b");
  model.vocab_size = 50'432;
  model.max_positions = 0;
  model.linear_bias = model.qkv_bias = model.norm_bias = false;
  EXPECT_EQ(count_parameters(model).total, 6'649'286'656);
}

TEST(ParameterCount, SplitsIntoEmbeddingLayersAndHead) {
  Model model;
  model.num_layers = 2;
  model.hidden_size = 8;
  model.num_heads = 4;
  model.num_kv_heads = 2;
  model.head_dim = 3;
  model.ffn_hidden_size = 10;
  model.gated_mlp = true;
  model.vocab_size = 100;
  model.max_positions = 5;
  model.tied_embeddings = false;
  const ParameterCount count = count_parameters(model);
  EXPECT_EQ(count.embedding, 105 * 8);
  // qkv 8 * 24 + 24, projection 12 * 8 + 8, gate and value 8 * 20 + 20, down 10 * 8 + 8, norms 32.
  EXPECT_EQ(count.per_layer, 216 + 104 + 180 + 88 + 32);
  EXPECT_EQ(count.head, 16 + 800);
  EXPECT_EQ(count.total, 840 + 2 * 620 + 816);
}

TEST(ParameterCount, RefusesAModelBeyondTheLimit) {
  Model model = shipped("gpt3-175b");
  model.ffn_hidden_size = std::int64_t{1} << 60;
  EXPECT_THROW(count_parameters(model), Error);
}

// Narayanan et al. 2021, eq. 3, counts four passes through the layers and three through the logits:
// 96 B s l h^2 (1 + s/6h + V/16lh).
TEST(ForwardFlops, TimesTheirPassesAreNarayanansIteration) {
  const Model model = shipped("megatron-145.6b");
  const double s = 2048, l = 80, h = 12288, v = 51200;
  const double iteration = 96 * s * l * h * h * (1 + s / (6 * h) + v / (16 * l * h));
  const double logits = 2 * s * h * v;
  const double forward = forward_flops_per_sequence(model, 2048).value();
  EXPECT_NEAR((4 * (forward - logits) + 3 * logits) / iteration, 1, 1e-12);
}

TEST(ForwardFlops, GiveTheTrainingTimeThatNarayananReports) {
  // Section 5.1: 450 billion tokens at 502 petaFLOP/s, batch size 3,072, take 84 days.
  const Model model = shipped("megatron-1008b");
  const double logits = 2.0 * 2048 * 25600 * 51200;
  const double forward = forward_flops_per_sequence(model, 2048).value();
  const double step = 3072 * (4 * (forward - logits) + 3 * logits) / 502e15;
  const double days = 450e9 / (3072 * 2048.0) * step / 86400;
  EXPECT_NEAR(days, 84, 1);
}

TEST(ForwardFlops, TimesThreeAreKorthikantisModelFlops) {
  // Korthikanti et al. 2022, appendix A: 72 B L s h^2 (1 + s/6h + v/12hL).
  const double s = 2048, l = 48, h = 6144, v = 51200;
  const double model_flops = 72 * l * s * h * h * (1 + s / (6 * h) + v / (12 * h * l));
  EXPECT_NEAR(3 * forward_flops_per_sequence(shipped("gpt-22b"), 2048).value() / model_flops, 1,
              1e-12);
}

TEST(ForwardFlops, AreTwicePerParameterOfTheProductsPlusAttention) {
  // Llama: every parameter but the input embedding and the norms multiplies every token.
  const Model model = shipped("llama3-8b");
  const double norms = (2 * 32 + 1) * 4096;
  const double products =
      static_cast<double>(count_parameters(model).total) - 128256.0 * 4096 - norms;
  const double attention = 4.0 * 32 * 8192 * 4096;
  EXPECT_DOUBLE_EQ(forward_flops_per_sequence(model, 8192).value(),
                   8192 * (2 * products + attention));
}

TEST(ForwardFlops, OfBertIncludeItsHeads) {
  const Model model = shipped("bert-large");
  Model encoder = model;
  encoder.mlm_head = encoder.nsp_head = encoder.pooler = false;
  // The dense layer of the MLM head on 512 tokens; pooler and classifier on one.
  EXPECT_DOUBLE_EQ(
      (forward_flops_per_sequence(model, 512) - forward_flops_per_sequence(encoder, 512)).value(),
      2.0 * (512 * 1024 * 1024 + 1024 * 1024 + 2 * 1024));
}

}  // namespace
}  // namespace stepcast
