// Tables of measurements come as CSV. A strict reader of RFC 4180: quoted fields may hold commas,
// doubled quotes and line breaks; lines end in LF or CRLF; a first line names the columns; every
// record has as many fields as the header. Anything else is the user's mistake, reported with its
// line.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "sim/base/error.h"

namespace stepcast {

/// Larger files are refused: no published table comes near it.
inline constexpr std::size_t kMaxCsvBytes = 256u << 20;

struct CsvRecord {
  int line = 0;  ///< 1-based, where the record begins
  std::vector<std::string> fields;
};

struct CsvTable {
  std::string file;
  std::vector<std::string> header;
  std::vector<CsvRecord> records;

  /// Index of a column, or nothing.
  std::optional<std::size_t> column(std::string_view name) const;
  /// Those of `names` that are no column, in their order.
  std::vector<std::string> missing_columns(std::span<const std::string_view> names) const;
};

/// Reads a regular file. Throws Error: kIo when it can't be read, kInput with line (and column
/// name, where one is known) when it is no CSV, is too large, names a column twice, or has no
/// header.
CsvTable read_csv_file(const std::string& path);
/// The same for text at hand; `name` stands for the file in messages. A UTF-8 byte order mark is
/// skipped.
CsvTable parse_csv(std::string_view text, const std::string& name);

/// One record, cell by cell. An empty cell means "not published" and reads as nothing; a cell that
/// says something else than its type is an Error(kInput) naming file, line and column.
class CsvCells {
 public:
  /// Both must outlive the reader.
  CsvCells(const CsvTable& table, const CsvRecord& record) : table_(table), record_(record) {}

  /// Empty when the cell is empty or the table has no such column.
  std::string text(std::string_view column) const;
  std::optional<std::int64_t> integer(std::string_view column) const;
  std::optional<double> number(std::string_view column) const;  ///< finite
  std::optional<bool> flag(std::string_view column) const;      ///< "1" or "0"

 private:
  [[noreturn]] void reject(std::string_view column, const std::string& rule) const;
  const CsvTable& table_;
  const CsvRecord& record_;
};

}  // namespace stepcast
