#include "sim/ledger/csv.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <set>

#include "sim/base/file_io.h"

namespace stepcast {
namespace {

[[noreturn]] void fail(const std::string& file, int line, const std::string& column,
                       std::string message) {
  throw Error(ErrorKind::kInput,
              {Problem{.file = file, .line = line, .path = column, .message = std::move(message)}});
}

/// Walks the text once. The grammar is RFC 4180's: file = record *(EOL record) [EOL].
class CsvParser {
 public:
  CsvParser(std::string_view text, const std::string& file) : text_(text), file_(file) {}

  bool at_end() const { return at_ == text_.size(); }

  /// `header` names the fields in messages once it is known.
  CsvRecord record(const std::vector<std::string>& header) {
    CsvRecord record{.line = line_, .fields = {}};
    do {
      const std::size_t index = record.fields.size();
      column_ = index < header.size() ? header[index] : std::string();
      record.fields.push_back(peek() == '"' ? quoted_field() : plain_field());
    } while (take(','));
    end_of_line();
    return record;
  }

 private:
  char peek() const { return at_end() ? '\0' : text_[at_]; }
  bool take(char c) {
    if (at_end() || text_[at_] != c) return false;
    ++at_;
    return true;
  }

  std::string plain_field() {
    const std::size_t begin = at_;
    while (!at_end() && text_[at_] != ',' && text_[at_] != '\n' && text_[at_] != '\r') {
      if (text_[at_] == '"')
        fail(file_, line_, column_,
             "has a quote inside an unquoted field; quote the whole field and double it");
      ++at_;
    }
    return std::string(text_.substr(begin, at_ - begin));
  }

  std::string quoted_field() {
    const int opened = line_;
    std::string field;
    ++at_;
    for (;;) {
      if (at_end()) fail(file_, opened, column_, "opens a quote that is never closed");
      const char c = text_[at_++];
      if (c == '"' && !take('"')) break;
      if (c == '\n') ++line_;
      field += c;
    }
    if (!at_end() && text_[at_] != ',' && text_[at_] != '\n' && text_[at_] != '\r')
      fail(file_, line_, column_,
           "goes on after its closing quote; double the quotes inside a field");
    return field;
  }

  void end_of_line() {
    if (at_end()) return;
    if (take('\r') && peek() != '\n')
      fail(file_, line_, column_, "ends in a carriage return without a line feed");
    take('\n');
    ++line_;
  }

  std::string_view text_;
  const std::string& file_;
  std::size_t at_ = 0;
  int line_ = 1;
  std::string column_;
};

void check_header(const CsvTable& table) {
  std::set<std::string> seen;
  for (const std::string& name : table.header) {
    if (name.empty()) fail(table.file, 1, "", "a column of the header has no name");
    if (!seen.insert(name).second) fail(table.file, 1, name, "is named twice in the header");
  }
}

std::string shorten(const std::string& text) {
  return text.size() <= 40 ? text : text.substr(0, 37) + "...";
}

template <typename Number>
std::optional<Number> parse_number(const std::string& text) {
  Number number{};
  const char* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, number);
  if (error != std::errc() || stop != end) return std::nullopt;
  return number;
}

}  // namespace

std::optional<std::size_t> CsvTable::column(std::string_view name) const {
  const auto at = std::find(header.begin(), header.end(), name);
  if (at == header.end()) return std::nullopt;
  return static_cast<std::size_t>(at - header.begin());
}

std::vector<std::string> CsvTable::missing_columns(std::span<const std::string_view> names) const {
  std::vector<std::string> missing;
  for (const std::string_view name : names)
    if (!column(name)) missing.emplace_back(name);
  return missing;
}

CsvTable parse_csv(std::string_view text, const std::string& name) {
  constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";
  if (text.starts_with(kByteOrderMark)) text.remove_prefix(kByteOrderMark.size());
  if (text.size() > kMaxCsvBytes)
    fail(name, 0, "", "is larger than 256 MiB, the most that is read");
  CsvTable table{.file = name, .header = {}, .records = {}};
  CsvParser parser(text, table.file);
  if (parser.at_end()) fail(name, 1, "", "is empty; the first line must name the columns");
  table.header = parser.record({}).fields;
  check_header(table);
  while (!parser.at_end()) {
    CsvRecord record = parser.record(table.header);
    if (record.fields.size() != table.header.size())
      fail(name, record.line, "",
           "has " + std::to_string(record.fields.size()) + " fields, the header names " +
               std::to_string(table.header.size()) + " columns");
    table.records.push_back(std::move(record));
  }
  return table;
}

CsvTable read_csv_file(const std::string& path) {
  return parse_csv(read_text_file(path, kMaxCsvBytes), path);
}

void CsvCells::reject(std::string_view column, const std::string& rule) const {
  fail(table_.file, record_.line, std::string(column),
       "= \"" + shorten(text(column)) + "\" must be " + rule);
}

std::string CsvCells::text(std::string_view column) const {
  const std::optional<std::size_t> index = table_.column(column);
  return index ? record_.fields[*index] : std::string();
}

std::optional<std::int64_t> CsvCells::integer(std::string_view column) const {
  const std::string cell = text(column);
  if (cell.empty()) return std::nullopt;
  const std::optional<std::int64_t> number = parse_number<std::int64_t>(cell);
  if (!number) reject(column, "a whole number, or empty when it was not published");
  return number;
}

std::optional<double> CsvCells::number(std::string_view column) const {
  const std::string cell = text(column);
  if (cell.empty()) return std::nullopt;
  const std::optional<double> number = parse_number<double>(cell);
  if (!number || !std::isfinite(*number))
    reject(column, "a number, or empty when it was not published");
  return number;
}

std::optional<bool> CsvCells::flag(std::string_view column) const {
  const std::string cell = text(column);
  if (cell.empty()) return std::nullopt;
  if (cell != "0" && cell != "1") reject(column, "1, 0, or empty when it was not published");
  return cell == "1";
}

}  // namespace stepcast
