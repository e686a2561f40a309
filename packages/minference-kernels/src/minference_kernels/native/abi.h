// The plain C structures that Python fills (binding.py mirrors them field by field) and the table of entry points
// that each instruction set provides. Every field is 8 bytes wide, so there is no padding to disagree about.
#pragma once

#include <cstdint>

constexpr int64_t kRowTile = 64;  // queries in one row block, keys in one tile and in one block of a block head

enum DataType : int64_t { kFloat32 = 0, kBFloat16 = 1, kFloat16 = 2 };
enum Kind : int64_t { kSlash = 0, kWindow = 1, kBlock = 2 };

// One attention head of one sequence. Strides are in elements from row to row; the head dimension is contiguous.
// Query row r stands at position r + num_keys - num_queries (the chunk is the end of the sequence).
//
// The keys of row block m, which holds rows [64 m, 64 m + 64) and nominally ends at E = 64 (m + 1) + num_keys - num_queries:
//   slash   key j for which E - 1 - j lies in one of the sorted disjoint `runs` [first, last), and every one of the
//           ascending `columns` that lies before the block and in no run;
//   window  for the row at position i: j < sink or i - j < local;
//   block   the ascending 64-key blocks block_index[block_start[m] .. block_start[m + 1]).
// Never a key in a row's future. Rows r >= dense_from see every key up to their own.
struct HeadJob {
  const void* query;
  const void* key;
  const void* value;
  void* output;
  float* lse;  // natural logarithm of the sum of exponentials, one per row; may be null
  int64_t query_stride, key_stride, value_stride, output_stride;
  int64_t num_queries, num_keys;
  int64_t kind, sink, local, dense_from;
  const int32_t* runs;
  int64_t num_runs;
  const int32_t* columns;
  int64_t num_columns;
  const int64_t* block_start;
  const int32_t* block_index;
  int64_t num_blocks;
};

// What all heads of a call share.
struct Call {
  int64_t head_dim, value_dim;
  int64_t data_type;
  double scale;
  double softcap;  // 0: none; otherwise logits become softcap * tanh(logit / softcap)
};

// The last `num_rows` rows of one head's attention map, summed in every way from which columns and offsets are chosen.
struct ProbeJob {
  const void* query;          // the first probe row
  const void* key;
  const int64_t* group_ends;  // [num_groups], ascending to num_rows: contiguous groups of probe rows
  float* row_lse;             // [num_rows], natural logarithm
  float* column_sums;         // [num_keys], over all rows
  float* group_maxima;        // [num_keys], the largest of the sums over each group
  float* offset_sums;         // [num_keys], indexed by query position - key position
  int64_t query_stride, key_stride;
  int64_t num_rows, num_keys, num_groups;
};
