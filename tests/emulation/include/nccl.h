// The calls of NCCL that kernels/device/ makes, between threads or processes of one machine, which
// leave each other files in a folder (in TMPDIR) that the unique id names. As everything in the
// emulation, a call is done when it returns; a send returns as soon as its bytes are copied.
#pragma once

// The names are NCCL's. NOLINTBEGIN(readability-identifier-naming)

#include <cuda_runtime_api.h>

enum ncclResult_t { ncclSuccess, ncclInternalError, ncclInvalidUsage };
enum ncclDataType_t {
  ncclUint8,
  ncclInt32,
  ncclInt64,
  ncclFloat16,
  ncclFloat32,
  ncclFloat64,
  ncclBfloat16,
};
enum ncclRedOp_t { ncclSum, ncclMax };
struct ncclUniqueId {
  char internal[128];
};
struct ncclComm;
using ncclComm_t = ncclComm*;

const char* ncclGetErrorString(ncclResult_t status);
const char* ncclGetLastError(ncclComm_t communicator);
/// 2.27.3, or what STEPCAST_EMULATED_NCCL in the environment says as NCCL does: 22703.
ncclResult_t ncclGetVersion(int* version);
ncclResult_t ncclGetUniqueId(ncclUniqueId* id);
/// Waits until all members have joined; members that do not come within 20 s are an internal error.
ncclResult_t ncclCommInitRank(ncclComm_t* communicator, int members, ncclUniqueId id, int rank);
ncclResult_t ncclCommDestroy(ncclComm_t communicator);
ncclResult_t ncclCommCount(ncclComm_t communicator, int* members);
ncclResult_t ncclGroupStart();
ncclResult_t ncclGroupEnd();

ncclResult_t ncclAllReduce(const void* from, void* to, std::size_t count, ncclDataType_t type,
                           ncclRedOp_t op, ncclComm_t communicator, cudaStream_t stream);
ncclResult_t ncclAllGather(const void* from, void* to, std::size_t count, ncclDataType_t type,
                           ncclComm_t communicator, cudaStream_t stream);
/// `count` of what each member receives.
ncclResult_t ncclReduceScatter(const void* from, void* to, std::size_t count, ncclDataType_t type,
                               ncclRedOp_t op, ncclComm_t communicator, cudaStream_t stream);
ncclResult_t ncclBroadcast(const void* from, void* to, std::size_t count, ncclDataType_t type,
                           int root, ncclComm_t communicator, cudaStream_t stream);
ncclResult_t ncclReduce(const void* from, void* to, std::size_t count, ncclDataType_t type,
                        ncclRedOp_t op, int root, ncclComm_t communicator, cudaStream_t stream);
ncclResult_t ncclSend(const void* from, std::size_t count, ncclDataType_t type, int to,
                      ncclComm_t communicator, cudaStream_t stream);
ncclResult_t ncclRecv(void* to, std::size_t count, ncclDataType_t type, int from,
                      ncclComm_t communicator, cudaStream_t stream);
// NOLINTEND(readability-identifier-naming)
