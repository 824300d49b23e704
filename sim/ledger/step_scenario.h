// A published row -> a Scenario, or the reason why stepcast can't express it. What was not
// published is filled in by rules that are the same for every row, and every use of a rule is
// written down:
//
//   micro_batch_size    1; for the SC21 table what its authors' scripts set for that width
//   sequence_parallel   no
//   schedule            1F1B; interleaved when vp > 1
//   vp, interleaved     the largest of 4, 3, 2 that divides the layers of a stage, where the
//   microbatches
//                       are a multiple of pp (Megatron-LM's condition); else no interleaving
//   recompute           with fused attention none (its backward recomputes the scores anyway), with
//                       unfused attention selective: both keep no scores
//   vocab_size          50304: GPT-2's 50257 padded to a multiple of 128
//   tied_embeddings     tied for GPT-like models, untied for gated ones
//   stage balance       uniform, unless only num_layers + 2 can be dealt out evenly: then first and
//   last
//                       stage hold one layer less, and the embedding and the head in its place
//
// The model's family follows from its MLP: gated ones are Llama-like (SwiGLU, RMS norm, rotary, no
// biases), others GPT-like (GELU, layer norm, learned positions, biases), and models named BLOOM
// have ALiBi and a norm after the embedding (BigScience 2022, section 3.2).
#pragma once

#include <map>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "sim/ledger/step_row.h"
#include "sim/scenario/scenario.h"

namespace stepcast {

/// The folder of a table's file: where the paths in its rows begin.
std::string folder_of(const CsvTable& table);

/// Files that rows name, each read once. A file with a mistake is an Error; one that does not exist
/// is a reason to skip the rows that name it.
class RowLibrary {
 public:
  explicit RowLibrary(Library library, std::string folder = "")
      : library_(std::move(library)), folder_(std::move(folder)) {}

  struct Cluster {
    Topology topology;
    DeviceProfile device_profile;
    NetworkProfile network_profile;
  };
  /// A shipped name, or a path below the folder of the table. Null: there is no such file.
  const Cluster* cluster(const std::string& name);
  const Stack* stack(const std::string& framework);

 private:
  JsonValue resolved(const std::string& cluster) const;
  std::optional<Cluster> read_cluster(const std::string& name) const;

  Library library_;
  std::string folder_;
  std::map<std::string, std::optional<Cluster>> clusters_;
  std::map<std::string, std::optional<Stack>> stacks_;
};

struct ExpressedRow {
  Scenario scenario;
  std::vector<std::string> assumptions;  ///< "micro_batch_size 1 (not published)"
};

/// Why a row can't be predicted; one line.
struct SkipReason {
  std::string text;
};

/// `stack_name` overrides the row's framework ("" = the framework names the stack). The plan has
/// passed check_plan.
std::variant<ExpressedRow, SkipReason> express(const StepRow& row, RowLibrary& library,
                                               const std::string& stack_name = "");

}  // namespace stepcast
