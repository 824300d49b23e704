// `nvidia-smi topo -m` -> NodeSketch. A row and a column for each GPU and NIC; the affinity columns
// and the legends are skipped, but for the names that the NIC legend gives.
#include <algorithm>
#include <charconv>
#include <map>
#include <sstream>

#include "sim/exchange/node_sketch.h"

namespace stepcast {
namespace {

constexpr std::size_t kMostDevices = 1024;

/// How two devices are joined, nearest first. NVLinks are a number beside it.
enum class Relation : std::uint8_t { kSelf, kNvlink, kPix, kPxb, kPhb, kNode, kSys };

struct Cell {
  Relation relation{};
  std::int64_t nvlinks = 0;
  bool operator==(const Cell&) const = default;
};

struct Line {
  int number = 0;
  std::vector<std::string> words;
};

/// Without terminal sequences such as ESC [4m, which underline the header.
std::string without_colours(const std::string& text) {
  std::string plain;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '\x1b') {
      plain += text[i];
      continue;
    }
    if (i + 1 < text.size() && text[i + 1] == '[') ++i;
    while (i + 1 < text.size() && !((text[i + 1] | 0x20) >= 'a' && (text[i + 1] | 0x20) <= 'z'))
      ++i;
    ++i;
  }
  return plain;
}

std::vector<Line> lines_of(const std::string& text) {
  std::vector<Line> lines;
  std::istringstream in(without_colours(text));
  int number = 0;
  for (std::string line; std::getline(in, line);) {
    Line words{.number = ++number, .words = {}};
    std::istringstream split(line);
    for (std::string word; split >> word;) words.words.push_back(word);
    lines.push_back(words);
  }
  return lines;
}

bool parse_cell(const std::string& word, Cell& cell) {
  static const std::map<std::string, Relation> kRelations = {
      {"X", Relation::kSelf},  {"PIX", Relation::kPix},   {"PXB", Relation::kPxb},
      {"PHB", Relation::kPhb}, {"NODE", Relation::kNode}, {"SYS", Relation::kSys},
      {"SOC", Relation::kSys}};  // SOC: drivers before 390
  if (const auto known = kRelations.find(word); known != kRelations.end()) {
    cell = {known->second, 0};
    return true;
  }
  if (!word.starts_with("NV")) return false;
  const char* end = word.data() + word.size();
  const auto [stop, error] = std::from_chars(word.data() + 2, end, cell.nvlinks);
  cell.relation = Relation::kNvlink;
  return error == std::errc() && stop == end && cell.nvlinks >= 1 && cell.nvlinks <= 1024;
}

class MatrixReader {
 public:
  MatrixReader(const std::string& text, const std::string& file)
      : file_(file), lines_(lines_of(text)) {
    sketch_.source = "imported from " + file.substr(file.find_last_of('/') + 1) +
                     " (nvidia-smi topo -m of one node)";
  }

  NodeSketch read() {
    const std::size_t header = find_header();
    read_names(lines_[header]);
    problems_.raise_if_any();
    read_rows(header + 1);
    problems_.raise_if_any();
    check_symmetry();
    problems_.raise_if_any();
    read_joints();
    read_nics();
    return std::move(sketch_);
  }

 private:
  std::size_t find_header() const {
    Cell cell;
    for (std::size_t i = 0; i < lines_.size(); ++i) {
      const std::vector<std::string>& words = lines_[i].words;
      // A row of GPU0 has a cell behind the name.
      if (!words.empty() && words[0] == "GPU0" &&
          (words.size() == 1 || !parse_cell(words[1], cell)))
        return i;
    }
    throw Error(ErrorKind::kInput,
                {{.file = file_,
                  .message = "has no header that begins with GPU0; expected what `nvidia-smi topo "
                             "-m` prints"}});
  }

  void reject(int line, const std::string& message) {
    problems_.add({.file = file_, .line = line, .message = message});
  }

  /// GPUs come first, in order, then NICs; "CPU Affinity", "NUMA Affinity", "GPU NUMA ID" end them.
  void read_names(const Line& header) {
    for (const std::string& word : header.words) {
      if (word == "CPU" || word == "NUMA" || word == "GPU") break;
      if (word.starts_with("GPU")) {
        const std::string expected = "GPU" + std::to_string(sketch_.gpus);
        if (word != expected || names_.size() != gpus())
          return reject(header.number, "names column " + word.substr(0, 40) + " where " + expected +
                                           " or a NIC should stand");
        ++sketch_.gpus;
      }
      if (std::ranges::find(names_, word) != names_.end())
        return reject(header.number, "names column " + word.substr(0, 40) + " twice");
      names_.push_back(word);
      if (names_.size() > kMostDevices)
        return reject(header.number, "has more than " + std::to_string(kMostDevices) + " columns");
    }
  }

  void read_rows(std::size_t first) {
    cells_.assign(names_.size(), {});
    for (std::size_t i = first; i < lines_.size(); ++i) {
      const Line& line = lines_[i];
      if (line.words.empty()) continue;
      const auto name = std::ranges::find(names_, line.words[0]);
      if (name == names_.end()) break;  // the legend
      read_row(line, static_cast<std::size_t>(name - names_.begin()));
    }
    const auto absent = std::ranges::find_if(cells_, [](const auto& row) { return row.empty(); });
    if (absent != cells_.end())
      reject(0, "has a column but no row of " +
                    names_[static_cast<std::size_t>(absent - cells_.begin())] +
                    "; is the file cut off?");
    read_nic_legend();
  }

  void read_row(const Line& line, std::size_t row) {
    if (!cells_[row].empty()) return reject(line.number, "is the second row of " + names_[row]);
    if (line.words.size() < names_.size() + 1)
      return reject(line.number, "has " + std::to_string(line.words.size() - 1) + " cells for " +
                                     std::to_string(names_.size()) + " columns");
    cells_[row].resize(names_.size());
    for (std::size_t column = 0; column < names_.size(); ++column) {
      const std::string& word = line.words[column + 1];
      Cell& cell = cells_[row][column];
      if (!parse_cell(word, cell) || (cell.relation == Relation::kSelf) != (row == column))
        reject(line.number, "has \"" + word.substr(0, 20) + "\" in column " + names_[column] +
                                "; expected " +
                                (row == column ? "X" : "NV#, PIX, PXB, PHB, NODE or SYS"));
    }
  }

  void check_symmetry() {
    for (std::size_t a = 0; a < names_.size(); ++a)
      for (std::size_t b = 0; b < a; ++b)
        if (cells_[a][b] != cells_[b][a])
          reject(0,
                 "says otherwise of " + names_[b] + " to " + names_[a] + " than of the way back");
  }

  /// "  NIC0: mlx5_0"
  void read_nic_legend() {
    for (const Line& line : lines_) {
      if (line.words.size() != 2 || !line.words[0].ends_with(':')) continue;
      const std::string name = line.words[0].substr(0, line.words[0].size() - 1);
      if (std::ranges::find(names_, name) != names_.end()) legend_[name] = line.words[1];
    }
  }

  std::size_t gpus() const { return static_cast<std::size_t>(sketch_.gpus); }

  void read_joints() {
    bool alike = true;
    for (std::size_t a = 0; a < gpus(); ++a)
      for (std::size_t b = a + 1; b < gpus(); ++b) {
        const std::int64_t count = cells_[a][b].nvlinks;
        alike = alike && count > 0 && count == cells_[0][1].nvlinks;
        if (count > 0)
          sketch_.nvlinks.push_back(
              {static_cast<std::int64_t>(a), static_cast<std::int64_t>(b), count});
      }
    if (sketch_.nvlinks.empty()) return read_pcie_switches();
    sketch_.joints = alike ? Joints::kAllAlike : Joints::kPairs;
  }

  /// GPUs that reach each other over PCIe switches alone (PIX, PXB) stand below one.
  void read_pcie_switches() {
    const auto together = [&](std::size_t a, std::size_t b) {
      return cells_[a][b].relation <= Relation::kPxb;
    };
    std::size_t size = 1;
    while (size < gpus() && together(0, size)) ++size;
    bool even = gpus() % size == 0;
    for (std::size_t a = 0; a < gpus(); ++a)
      for (std::size_t b = 0; b < gpus(); ++b)
        even = even && together(a, b) == (a / size == b / size);
    if (!even)
      throw Error(ErrorKind::kUnsupported,
                  {{.file = file_,
                    .message = "can't be described as one node: its PCIe switches hold different "
                               "numbers of GPUs, or GPUs out of order"}});
    sketch_.gpus_per_pcie_switch = static_cast<std::int64_t>(size);
  }

  /// Several PCIe switches in a row are as near as one: the same side of the host bridge.
  Relation nearest_gpu(std::size_t nic) const {
    Relation nearest = Relation::kSys;
    for (std::size_t gpu = 0; gpu < gpus(); ++gpu)
      nearest = std::min(nearest, cells_[nic][gpu].relation);
    return nearest == Relation::kPxb ? Relation::kPix : nearest;
  }

  void read_nics() {
    Relation nearest = Relation::kSys;
    for (std::size_t nic = gpus(); nic < names_.size(); ++nic)
      nearest = std::min(nearest, nearest_gpu(nic));
    for (std::size_t nic = gpus(); nic < names_.size(); ++nic) {
      const auto known = legend_.find(names_[nic]);
      const std::string name = known == legend_.end() ? names_[nic] : known->second;
      if (nearest_gpu(nic) == nearest)
        sketch_.nics.push_back({name, {}});
      else
        sketch_.notes.push_back("NIC " + name + " is left out: farther from the GPUs than others");
    }
  }

  std::string file_;
  std::vector<Line> lines_;
  Problems problems_;
  NodeSketch sketch_;
  std::vector<std::string> names_;        // GPUs, then NICs
  std::vector<std::vector<Cell>> cells_;  // by row and column, as names_
  std::map<std::string, std::string> legend_;
};

}  // namespace

NodeSketch read_nvidia_smi_topology(const std::string& text, const std::string& file) {
  if (text.size() > kMaxImportBytes)
    throw Error(ErrorKind::kInput,
                {{.file = file,
                  .message = "holds " + std::to_string(text.size()) + " bytes; at most " +
                             std::to_string(kMaxImportBytes) + " are read"}});
  return MatrixReader(text, file).read();
}

}  // namespace stepcast
