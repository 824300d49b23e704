// NCCL_ALGO and NCCL_PROTO as a scenario has them: which ways are left for a kind and a size, and
// what is refused.
#include "sim/cost/collective_choices.h"

#include <gtest/gtest.h>

#include <string>

#include "sim/base/error.h"

namespace stepcast {
namespace {

using enum CollectiveKind;

CollectiveChoices read(const std::string& text) {
  Problems problems;
  const JsonDocument document = parse_json(text, "scenario.json");
  CollectiveChoices choices = read_collective_choices(document.root(), problems);
  problems.raise_if_any();
  return choices;
}

std::string refusal(const std::string& text) {
  try {
    read(text);
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::kInput);
    return error.what();
  }
  ADD_FAILURE() << text << " is accepted";
  return "";
}

TEST(CollectiveChoices, ReadsTheLanguageOfNccl) {
  EXPECT_EQ(parse_algorithms("ring,tree"), (AlgorithmSet{Algorithm::kRing, Algorithm::kTree}));
  EXPECT_EQ(parse_algorithms("NVLSTree"), AlgorithmSet{Algorithm::kNvlsTree});
  AlgorithmSet no_tree = kUsualAlgorithms;
  no_tree.erase(Algorithm::kTree);
  EXPECT_EQ(parse_algorithms("^tree"), no_tree);
  EXPECT_EQ(parse_protocols("^LL,LL128"), ProtocolSet{Protocol::kSimple});
  EXPECT_EQ(parse_protocols("ll128"), ProtocolSet{Protocol::kLl128});
}

TEST(CollectiveChoices, ExclusionAddsNothingThatIsNotUsual) {
  EXPECT_FALSE(parse_algorithms("^ring").contains(Algorithm::kSharp));
}

TEST(CollectiveChoices, TextHoldsForAllKindsAndThenByKind) {
  const CollectiveChoices choices =
      read(R"({"algorithm": "ring;allreduce:tree", "protocol": "^LL"})");
  EXPECT_EQ(choices.of(kAllReduce, Bytes(1)).algorithms, AlgorithmSet{Algorithm::kTree});
  EXPECT_EQ(choices.of(kAllGather, Bytes(1)).algorithms, AlgorithmSet{Algorithm::kRing});
  EXPECT_FALSE(choices.of(kBroadcast, Bytes(1)).protocols.contains(Protocol::kLl));
  EXPECT_TRUE(choices.of(kAllToAll, Bytes(1)).is_free()) << "knows one way only";
}

TEST(CollectiveChoices, OverridesHoldFromOneSizeToBelowAnother) {
  const CollectiveChoices choices = read(R"({"protocol": {"all_reduce": "Simple"}, "overrides": [
      {"collective": "all_reduce", "below": "64 KiB", "algorithm": "tree", "protocol": "LL"},
      {"collective": "all_reduce", "from": "64 KiB", "below": "1 MiB", "algorithm": "ring"}]})");
  const auto at = [&](std::int64_t size) { return choices.of(kAllReduce, Bytes(size)); };
  EXPECT_EQ(at(65535).algorithms, AlgorithmSet{Algorithm::kTree});
  EXPECT_EQ(at(65535).protocols, ProtocolSet{Protocol::kLl});
  EXPECT_EQ(at(65536).algorithms, AlgorithmSet{Algorithm::kRing});
  EXPECT_EQ(at(65536).protocols, ProtocolSet{Protocol::kSimple}) << "what it leaves open stays";
  EXPECT_EQ(at(1 << 20).algorithms, kUsualAlgorithms);
  EXPECT_TRUE(choices.of(kAllGather, Bytes(1)).is_free());
}

TEST(CollectiveChoices, KnowTheirPlace) {
  const CollectiveChoices choices = read(
      "{\"overrides\": [\n{\"collective\": \"reduce\", \"from\": \"1 KiB\",\n"
      "\"algorithm\": \"ring\"}]}");
  const Problem& place = choices.of(kReduce, Bytes(4096)).place;
  EXPECT_EQ(place.file, "scenario.json");
  EXPECT_EQ(place.line, 3);
  EXPECT_EQ(place.path, "overrides[0].algorithm");
}

TEST(CollectiveChoices, RefuseWhatIsUnknownOrEmpty) {
  EXPECT_NE(refusal(R"({"algorithm": "rong"})").find("did you mean \"ring\"?"), std::string::npos);
  EXPECT_NE(refusal(R"({"algorithm": "ring;tree"})").find("must say of which kind"),
            std::string::npos);
  EXPECT_NE(refusal(R"({"algorithm": "allgathr:ring"})").find("kind of collective"),
            std::string::npos);
  EXPECT_NE(refusal(R"({"protocol": "^LL,LL128,Simple"})").find("leaves no protocol"),
            std::string::npos);
  EXPECT_NE(refusal(R"({"protocol": 3})").find("protocol"), std::string::npos);
}

TEST(CollectiveChoices, RefuseOverridesThatSayNothingOrTwoThings) {
  EXPECT_NE(refusal(R"({"overrides": [{"collective": "reduce", "algorithm": "ring"}]})")
                .find("overrides[0]: must say \"from\" or \"below\""),
            std::string::npos);
  EXPECT_NE(refusal(R"({"overrides": [{"collective": "reduce", "from": "1 B"}]})")
                .find("prescribes nothing"),
            std::string::npos);
  EXPECT_NE(refusal(R"({"overrides": [{"collective": "reduce", "from": "2 B", "below": "1 B",
                        "algorithm": "ring"}]})")
                .find("must be less than \"below\""),
            std::string::npos);
  EXPECT_NE(refusal(R"({"overrides": [
                        {"collective": "reduce", "from": "1 KiB", "algorithm": "ring"},
                        {"collective": "reduce", "below": "1 MiB", "protocol": "LL"}]})")
                .find("overrides[1]: overlaps with the sizes of overrides[0].algorithm"),
            std::string::npos);
}

}  // namespace
}  // namespace stepcast
