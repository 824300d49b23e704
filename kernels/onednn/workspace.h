// Memory of a thread for tensors in oneDNN's own layouts.
#pragma once

#include <cstddef>
#include <cstdint>
#include <oneapi/dnnl/dnnl.hpp>

namespace stepcast::onednn {

enum class Place : std::uint8_t { kA, kB, kResult };
inline constexpr int kNumPlaces = 3;

/// At least so many bytes, aligned to 64, the same until more are asked for.
std::byte* workspace(Place place, std::size_t bytes);

const dnnl::engine& cpu_engine();
/// Of this thread, whose OpenMP regions have one thread from now on.
dnnl::stream& own_stream();

}  // namespace stepcast::onednn
