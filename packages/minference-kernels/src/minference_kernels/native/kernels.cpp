// Everything that depends on the instruction set, compiled once for each. MK_ISA names it.
#include "attention.h"

#include "probe.h"

#define MK_TABLE_NAME(isa) kernels_##isa
#define MK_TABLE(isa) MK_TABLE_NAME(isa)
#define MK_TEXT_OF(isa) #isa
#define MK_TEXT(isa) MK_TEXT_OF(isa)

namespace {

int64_t workspace_bytes(const Call& call) { return Workspace::num_floats(call) * static_cast<int64_t>(sizeof(float)); }

}  // namespace

extern "C" const Kernels MK_TABLE(MK_ISA) = {MK_TEXT(MK_ISA), workspace_bytes, attend_block,
                                               probe_workspace_bytes, pack_probe, probe_statistics, probe_sums};
