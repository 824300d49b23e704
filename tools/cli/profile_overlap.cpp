#include "tools/cli/profile_overlap.h"

#include <cstdio>
#include <filesystem>
#include <set>

#include "kernels/gpu_profiler/opened_gpu.h"
#include "kernels/gpu_profiler/overlap_bench.h"
#include "sim/base/file_io.h"
#include "sim/base/json_writer.h"
#include "tools/cli/commands.h"
#include "tools/cli/named_by.h"
#include "tools/cli/stack_file.h"

namespace stepcast::cli {
namespace {

/// Of NCCL's collectives and messages; the numbers of channels that are asked for come to them.
NeighbourSms sms_of(const TransferChannels& channels) {
  std::set<int> reductions = {4, 8, 16, 24, 32}, messages = {2, 4, 8};
  reductions.insert(channels.collective);
  messages.insert(channels.message);
  return {{reductions.begin(), reductions.end()}, {messages.begin(), messages.end()}};
}

std::string rate_text(const RateBeside& beside) {
  if (beside.rate <= 0) return "         -";
  char text[32];
  std::snprintf(text, sizeof text, "%8.1f %%", 100 * beside.rate);
  return text;
}

std::string table(const OverlapRun& run, const GpuFacts& gpu) {
  char line[160];
  std::snprintf(line, sizeof line,
                "%s, %d SMs; rates of kernels beside transfers, of those alone\n", gpu.name.c_str(),
                gpu.num_sms);
  std::string text = line;
  text += "product       " + to_text(run.product) + "\n";
  text += "memory-bound  " + to_text(run.memory_bound) + "\n\n";
  text += "beside                   product  memory-bound     it moves\n";
  for (const OverlapFigure& figure : run.figures) {
    std::snprintf(line, sizeof line, "%-22s%s    %s  %6.0f GB/s\n",
                  to_text(figure.neighbour).c_str(), rate_text(figure.product).c_str(),
                  rate_text(figure.memory_bound).c_str(), figure.bandwidth / 1e9);
    text += line;
  }
  return text;
}

std::string slowdowns(const StackProfile& stack, const TransferChannels& channels) {
  char line[200];
  std::snprintf(line, sizeof line,
                "\nof a collective with %d channels: collective_sms %.1f, collective_memory_share "
                "%.3f\nof a message with %d channels: p2p_sms %.1f\n",
                channels.collective, stack.collective_sms, stack.collective_memory_share,
                channels.message, stack.p2p_sms);
  return line;
}

void write_rate(JsonWriter& json, const char* key, const RateBeside& beside) {
  json.key(key);
  if (beside.rate <= 0) return json.null();
  json.begin_object(JsonWriter::Layout::kOneLine);
  json.member("rate", beside.rate);
  json.member("disagreement", beside.disagreement);
  json.end_object();
}

std::string document(const OverlapRun& run, const GpuFacts& gpu, const StackProfile& stack,
                     const TransferChannels& channels) {
  JsonWriter json;
  json.begin_object();
  json.member("gpu", gpu.name);
  json.member("sms", gpu.num_sms);
  json.member("product", to_text(run.product));
  json.member("product_alone_s", run.product_alone);
  json.member("memory_bound", to_text(run.memory_bound));
  json.member("memory_bound_alone_s", run.memory_bound_alone);
  json.key("beside");
  json.begin_array();
  for (const OverlapFigure& figure : run.figures) {
    json.begin_object();
    json.member("neighbour", to_text(figure.neighbour));
    write_rate(json, "product", figure.product);
    write_rate(json, "memory_bound", figure.memory_bound);
    json.member("bandwidth_bytes_per_s", figure.bandwidth);
    json.end_object();
  }
  json.end_array();
  json.member("channels", channels.collective);
  json.member("p2p_channels", channels.message);
  json.member("collective_sms", stack.collective_sms);
  json.member("collective_memory_share", stack.collective_memory_share);
  json.member("p2p_sms", stack.p2p_sms);
  json.end_object();
  return json.text();
}

void write_stack(const OverlapArguments& arguments, const std::string& output, StackProfile stack,
                 const GpuFacts& gpu, const Library& library) {
  stack.name = std::filesystem::path(output).stem().string();
  const std::string source = "costs of " + arguments.stack +
                             ", slowdowns measured by stepcast profile --overlap on " + gpu.name;
  write_text_file_atomically(output, stack_file_text(arguments.stack, stack, source, library));
  std::fprintf(stderr, "stack with these slowdowns: %s\n", output.c_str());
}

}  // namespace

int measure_overlap_command(const OverlapArguments& arguments, const GpuChoice& choice,
                            const OverlapOutput& output, const TimingOptions& options) {
  if (!output.output.empty() && arguments.stack.empty())
    throw Error(ErrorKind::kUsage,
                "--overlap -o FILE writes a stack: name the one whose slowdowns are to be set with "
                "--stack");
  const Library library = find_library();
  StackProfile stack;
  if (!arguments.stack.empty())
    stack = named_by("--stack", [&] { return load_stack(arguments.stack, library).profile; });
  OpenedGpu gpu(load_profiler_module(), choice.number);
  const GpuFacts& facts = gpu.device().facts();
  const OverlapRun run =
      measure_overlap(gpu.device(), gpu.watch(), gpu.time(), sms_of(arguments.channels), options);
  for (const std::string& line : run.notes) std::fprintf(stderr, "%s\n", line.c_str());
  if (!run.broken.empty()) throw Error(ErrorKind::kLiveRank, run.broken);
  if (!output.json) print(table(run, facts));
  set_slowdowns(run, facts.num_sms, arguments.channels, stack);
  print(output.json ? document(run, facts, stack, arguments.channels)
                    : slowdowns(stack, arguments.channels));
  if (!output.output.empty()) write_stack(arguments, output.output, stack, facts, library);
  return 0;
}

}  // namespace stepcast::cli
