#include "sim/ledger/nccl_tests.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <filesystem>
#include <set>

#include "sim/base/error.h"
#include "sim/base/file_io.h"
#include "sim/ledger/nccl_tests_json.h"

namespace stepcast {
namespace {

constexpr std::size_t kMaxLogBytes = 100u << 20;
constexpr std::int64_t kLargestSize = std::int64_t{1} << 50;

/// Programs and files; the longer name first where one holds the other.
constexpr std::array<std::pair<std::string_view, BenchOp>, 10> kPrograms{{
    {"all_reduce", BenchOp::kAllReduce},
    {"allreduce", BenchOp::kAllReduce},
    {"all_gather", BenchOp::kAllGather},
    {"allgather", BenchOp::kAllGather},
    {"reduce_scatter", BenchOp::kReduceScatter},
    {"alltoall", BenchOp::kAllToAll},
    {"all_to_all", BenchOp::kAllToAll},
    {"sendrecv", BenchOp::kSendRecv},
    {"broadcast", BenchOp::kBroadcast},
    {"reduce", BenchOp::kReduce},
}};

std::vector<std::string_view> words_of(std::string_view line) {
  std::vector<std::string_view> words;
  std::size_t at = 0;
  while (true) {
    at = line.find_first_not_of(" \t", at);
    if (at == std::string_view::npos) return words;
    const std::size_t end = std::min(line.find_first_of(" \t", at), line.size());
    words.push_back(line.substr(at, end - at));
    at = end;
  }
}

template <typename Number>
std::optional<Number> number_of(std::string_view word) {
  Number value{};
  const auto [stop, error] = std::from_chars(word.data(), word.data() + word.size(), value);
  if (error != std::errc() || stop != word.data() + word.size()) return {};
  return value;
}

/// The line without a carriage return, and without what mpirun --tag-output puts before it:
/// "[1,0]<stdout>:".
std::string_view stripped(std::string_view line) {
  while (!line.empty() && (line.back() == '\r' || line.back() == ' ')) line.remove_suffix(1);
  if (line.starts_with('['))
    if (const std::size_t tag = line.find(">:"); tag < 64)  // also that there is one
      line.remove_prefix(tag + 2);
  return line;
}

class TextReader {
 public:
  TextReader(const std::string& name, const NcclTestsHints& hints) : hints_(hints) {
    run_.file = name;
  }

  NcclTestsRun read(std::string_view text) {
    int number = 0;
    while (!text.empty()) {
      const std::size_t end = std::min(text.find('\n'), text.size());
      read_line(stripped(text.substr(0, end)), ++number);
      text.remove_prefix(std::min(end + 1, text.size()));
    }
    run_.ranks = ranks_;
    run_.hosts = static_cast<std::int64_t>(hosts_.size());
    complete(run_, op_found_, hints_, problems_);
    if (!problems_.empty()) throw Error(ErrorKind::kInput, std::move(problems_));
    return std::move(run_);
  }

 private:
  void read_line(std::string_view line, int number) {
    const std::vector<std::string_view> words = words_of(line);
    if (words.empty()) return;
    if (const auto op =
            line.find("_perf") == std::string_view::npos ? std::nullopt : op_named_in(line)) {
      run_.op = *op;
      op_found_ = true;
    } else if (line.find("Collective test starting:") != std::string_view::npos && !hints_.op) {
      reject(number, unknown_program(words.back()));
      op_found_ = true;  // one complaint is enough
    }
    if (words[0].starts_with('#')) return read_header(words);
    if (const auto size = number_of<std::int64_t>(words[0]); size && words.size() >= 3)
      read_row(words, *size, number);
  }

  /// "# nThread 1 nGpus 8 ..."; "#  Rank  0 Group  0 Pid 1 on host device 0 ..." and, in old
  /// versions, "#   Rank  0 Pid 1 on host device 0 ...".
  void read_header(const std::vector<std::string_view>& words) {
    for (std::size_t i = 1; i + 1 < words.size(); ++i) {
      if (words[i] == "nGpus" && number_of<std::int64_t>(words[i + 1]).value_or(1) > 1)
        run_.launch = BenchLaunch::kSingleProcess;
      if (words[1] == "Rank" && words[i] == "on") hosts_.emplace(words[i + 1]);
    }
    if (words.size() > 4 && words[1] == "Rank") ++ranks_;
  }

  void reject(int line, std::string message) {
    problems_.push_back(
        {.file = run_.file, .line = line, .column = 0, .path = {}, .message = std::move(message)});
  }

  /// size count type [redop] [root], then four or eight columns out-of-place, and as many in-place
  /// or none.
  void read_row(const std::vector<std::string_view>& words, std::int64_t size, int line) {
    std::size_t first = 3;
    if (words.size() > first && !number_of<double>(words[first]) && words[first] != "N/A") ++first;
    std::size_t columns = words.size() - std::min(first, words.size());
    if (columns % 4 == 1) ++first, --columns;
    if (columns == 0 || columns % 4 != 0 || columns > 16)
      return reject(line, std::to_string(words.size()) +
                              " columns are no row of nccl-tests (size count type redop root, then "
                              "time algbw busbw #wrong once or twice); remove the line");
    if (size == 0) return;  // fewer elements than ranks: nccl-tests times nothing
    const auto time = number_of<double>(words[first]);
    if (!time || !(*time > 0) || *time > 1e12)
      return reject(line, "time = " + std::string(words[first]) +
                              " must be microseconds above 0; remove the line");
    if (size < 0 || size > kLargestSize)
      return reject(line, "size = " + std::to_string(size) + " must be 1 byte to 1024 TiB");
    if (number_of<double>(words[first + 3]).value_or(0) != 0)
      return reject(line, "#wrong = " + std::string(words[first + 3]) +
                              " must be 0: wrong results time nothing; run it again, or remove the "
                              "line");
    run_.points.push_back({.line = line, .size = size, .time_us = *time});
  }

  const NcclTestsHints& hints_;
  NcclTestsRun run_;
  bool op_found_ = false;
  std::int64_t ranks_ = 0;
  std::set<std::string, std::less<>> hosts_;
  std::vector<Problem> problems_;
};

}  // namespace

std::optional<BenchOp> op_named_in(std::string_view text) {
  for (const auto& [program, op] : kPrograms)
    if (text.find(program) != std::string_view::npos) return op;
  return {};
}

std::string unknown_program(std::string_view program) {
  std::string known;
  for (const BenchOpInfo& op : bench_ops())
    known += (known.empty() ? "" : ", ") + std::string(op.name);
  return "\"" + std::string(program) + "\" is no operation that is predicted (" + known +
         "); leave this log out, or say with --op what ran";
}

void complete(NcclTestsRun& run, bool op_found, const NcclTestsHints& hints,
              std::vector<Problem>& problems) {
  const auto missing = [&](const std::string& what) {
    problems.push_back({.file = run.file, .line = 0, .column = 0, .path = {}, .message = what});
  };
  const auto by_name = op_named_in(std::filesystem::path(run.file).filename().string());
  if (hints.op)
    run.op = *hints.op;
  else if (!op_found && by_name)
    run.op = *by_name;
  else if (!op_found)
    missing(
        "neither the log nor its name says which operation ran; pass --op, or name the file "
        "like all_reduce-2n.log");
  if (hints.ranks) run.ranks = *hints.ranks;
  if (hints.hosts) run.hosts = *hints.hosts;
  if (run.ranks < 1)
    missing("has no \"# Rank ... on HOST device\" lines; pass --gpus and --nodes");
  else if (run.hosts < 1 || run.hosts > run.ranks)
    missing("the number of nodes = " + std::to_string(run.hosts) + " must be 1 to the ranks' " +
            std::to_string(run.ranks) + "; pass --nodes");
  if (run.points.empty())
    missing("holds no row of nccl-tests; expected the table it prints, or its JSON (-J)");
}

NcclTestsRun parse_nccl_tests(const std::string& text, const std::string& name,
                              const NcclTestsHints& hints) {
  const std::size_t first = text.find_first_not_of(" \t\r\n");
  if (first != std::string::npos && text[first] == '{')
    return parse_nccl_tests_json(text, name, hints);
  return TextReader(name, hints).read(text);
}

NcclTestsRun read_nccl_tests(const std::string& path, const NcclTestsHints& hints) {
  return parse_nccl_tests(read_text_file(path, kMaxLogBytes), path, hints);
}

}  // namespace stepcast
