// How a thread that computes sets up its core.
#pragma once

namespace stepcast {

/// Denormal numbers count as zero from now on in the calling thread, operands and results: some
/// makers' cores take a hundred times as long over them. Does nothing on cores that stepcast does
/// not know.
void flush_denormals();

}  // namespace stepcast
