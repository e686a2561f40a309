// The entry points that each instruction set provides.
#pragma once

#include "abi.h"

struct Kernels {
  const char* name;
  int64_t (*workspace_bytes)(const Call& call);
  void (*attend_block)(const Call& call, const HeadJob& job, int64_t row_block, void* workspace);
};

