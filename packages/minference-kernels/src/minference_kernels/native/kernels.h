// The entry points that each instruction set provides.
#pragma once

#include "abi.h"

// A probe works through the keys in chunks of this size, one task each; the size fixes the order of all sums.
constexpr int64_t kProbeChunk = 4096;

// What the chunks of a probe share. `row_blocks` counts blocks of 64 probe rows.
struct ProbeState {
  int64_t row_blocks;
  float* queries;      // packed by pack_probe: row_blocks * 64 * head_dim floats
  float* logits;       // kept between the passes, row_blocks * (num_keys + 64) * 64 floats, or null: computed twice
  float* maxima;       // [chunks][row_blocks * 64], of the first pass
  float* sums;         // [chunks][row_blocks * 64]
  float* shifts;       // [row_blocks * 64], between the passes: base-2 log-sum-exp; infinity for rows that do not exist
  float* offset_parts; // [chunks][kProbeChunk + row_blocks * 64], of the second pass
};

struct Kernels {
  const char* name;
  int64_t (*workspace_bytes)(const Call& call);
  void (*attend_block)(const Call& call, const HeadJob& job, int64_t row_block, void* workspace);
  int64_t (*probe_workspace_bytes)(const Call& call, int64_t row_blocks);
  void (*pack_probe)(const Call& call, const ProbeJob& job, const ProbeState& state, void* workspace);
  void (*probe_statistics)(const Call& call, const ProbeJob& job, const ProbeState& state, int64_t chunk, void* workspace);
  void (*probe_sums)(const Call& call, const ProbeJob& job, const ProbeState& state, int64_t chunk, void* workspace);
};
