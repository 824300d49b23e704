// Whole files in and out. Reading never blocks on a pipe or follows an endless device; writing
// never leaves half a file behind under the final name.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace stepcast {

/// The bytes of a regular file. Throws Error: kIo when it can't be opened or read, or is a folder,
/// pipe or device; kInput when it holds more than `max_bytes` (noticed before reading).
std::string read_text_file(const std::string& path, std::size_t max_bytes);

/// Puts `text` into a temporary file beside `path`, syncs it, and renames it to `path`, so that
/// readers see the old file or the new one. Symbolic links are followed; devices and pipes
/// (/dev/stdout) are written in place. Throws Error(kIo) with the system's reason.
void write_text_file_atomically(const std::string& path, std::string_view text);

/// The same with `text` compressed as gzip. Equal text gives equal bytes (no time stamp inside).
void write_gzip_file(const std::string& path, std::string_view text);

/// Before long work whose result goes to `path`: throws as write_text_file_atomically() will, as
/// far as that can be told without writing. Nothing is created.
void check_can_write(const std::string& path);

}  // namespace stepcast
