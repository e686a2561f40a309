// The attention map of a few last rows in two passes over the keys: row maxima and sums first, then, with the rows'
// normalisers known, the sums over columns and diagonals. The map itself is never needed whole.
#pragma once

#include "attention.h"
#include "kernels.h"

namespace {

constexpr int64_t kTileRows = kRowTile + kBlockRows;  // keys in a tile of scores, with room for the last register block

int64_t probe_workspace_bytes(const Call& call, int64_t row_blocks) {
  return (Workspace::num_floats(call) + row_blocks * kTileRows * kRowTile) * static_cast<int64_t>(sizeof(float));
}

void pack_probe(const Call& call, const ProbeJob& job, const ProbeState& state, void* memory) {
  const Workspace space(call, memory);
  for (int64_t b = 0; b < state.row_blocks; ++b) {
    const int64_t first = b * kRowTile, rest = job.num_rows - first;
    pack_queries<FloatProduct>(call, job.query, job.query_stride, first, rest < kRowTile ? rest : kRowTile,
                               LogitScale(call).sign, space.wide_keys, state.queries + first * call.head_dim);
  }
}

// The raw logits of row block `b` for keys [first, first + count), [key][64 rows], causal; from the first pass if kept.
MK_INLINE const float* probe_logits(const Call& call, const ProbeJob& job, const ProbeState& state, int64_t b,
                                    int64_t first, int count, bool again, void* memory) {
  Workspace space(call, memory);
  if (state.logits != nullptr) space.scores = state.logits + (b * (job.num_keys + kRowTile) + first) * kRowTile;
  if (again && state.logits != nullptr) return space.scores;
  space.queries = state.queries + b * kRowTile * call.head_dim;
  const Word* rows[kRowTile + kBlockRows];
  int32_t keys[kRowTile];
  for (int i = 0; i < count; ++i) {
    keys[i] = static_cast<int32_t>(first + i);
    const char* row = row_address(job.key, first + i, job.key_stride, call.data_type);
    if (call.data_type != kFloat32) {
      widen_row(row, call.data_type, call.head_dim, space.wide_keys + i * call.head_dim);
      row = reinterpret_cast<const char*>(space.wide_keys + i * call.head_dim);
    }
    rows[i] = reinterpret_cast<const Word*>(row);
  }
  score_tile<FloatProduct>(rows, count, call.head_dim, space);
  const LogitScale scale(call);
  if (scale.cap > 0.0f) soft_cap_tile(count, scale, space);
  const RowMask mask{job.num_keys - job.num_rows + b * kRowTile, kRowTile, false, 0, 0};
  if (mask.touches(keys, count)) mask.apply(keys, count, space.scores);
  return space.scores;
}

// First pass over one chunk of keys: largest raw logit and sum of exponentials of every row.
void probe_statistics(const Call& call, const ProbeJob& job, const ProbeState& state, int64_t chunk, void* memory) {
  const float exponent_scale = LogitScale(call).exponent;
  const int64_t begin = chunk * kProbeChunk;
  const int64_t end = begin + kProbeChunk < job.num_keys ? begin + kProbeChunk : job.num_keys;
  float* maxima = state.maxima + chunk * state.row_blocks * kRowTile;
  float* sums = state.sums + chunk * state.row_blocks * kRowTile;
  for (int64_t i = 0; i < state.row_blocks * kRowTile; ++i) {
    maxima[i] = kMinusInfinity;
    sums[i] = 0.0f;
  }
  for (int64_t first = begin; first < end; first += kRowTile) {
    const int count = static_cast<int>(end - first < kRowTile ? end - first : kRowTile);
    for (int64_t b = 0; b < state.row_blocks; ++b) {
      const float* logits = probe_logits(call, job, state, b, first, count, false, memory);
      for (int64_t g = 0; g < kRowTile; g += kLanes) {
        float* row_maxima = maxima + b * kRowTile + g;
        float* row_sums = sums + b * kRowTile + g;
        const Vec before = load(row_maxima);
        Vec maximum = before;
        for (int i = 0; i < count; ++i) maximum = max(maximum, load(logits + i * kRowTile + g));
        const Vec shift = maximum == kMinusInfinity ? Vec{} : maximum * exponent_scale;
        Vec sum = load(row_sums) * exp2(before * exponent_scale - shift);
        for (int i = 0; i < count; ++i) sum += exp2(load(logits + i * kRowTile + g) * exponent_scale - shift);
        store(row_maxima, maximum);
        store(row_sums, sum);
      }
    }
  }
}

// Second pass over one chunk: sums over its columns, and its share of the sums over diagonals.
void probe_sums(const Call& call, const ProbeJob& job, const ProbeState& state, int64_t chunk, void* memory) {
  const float exponent_scale = LogitScale(call).exponent;
  const int64_t begin = chunk * kProbeChunk;
  const int64_t end = begin + kProbeChunk < job.num_keys ? begin + kProbeChunk : job.num_keys;
  float* weights = static_cast<float*>(memory) + Workspace::num_floats(call);  // [row block][key][64 rows]
  // Slot r + (end - 1 - j) holds the diagonal of row r and key j: the rows of a key lie next to each other, and the
  // next key is one slot to the left.
  const int64_t slots = kProbeChunk + state.row_blocks * kRowTile;
  float* diagonals = state.offset_parts + chunk * slots;
  std::memset(diagonals, 0, static_cast<size_t>(slots) * sizeof(float));
  for (int64_t first = begin; first < end; first += kRowTile) {
    const int count = static_cast<int>(end - first < kRowTile ? end - first : kRowTile);
    for (int64_t b = 0; b < state.row_blocks; ++b) {
      const float* logits = probe_logits(call, job, state, b, first, count, true, memory);
      const float* shifts = state.shifts + b * kRowTile;
      for (int i = 0; i < count; ++i) {
        float* out = weights + (b * kTileRows + i) * kRowTile;
        float* diagonal = diagonals + b * kRowTile + (end - 1 - first - i);
        for (int64_t g = 0; g < kRowTile; g += kLanes) {
          const Vec weight = exp2(load(logits + i * kRowTile + g) * exponent_scale - load(shifts + g));
          store(out + g, weight);
          store(diagonal + g, load(diagonal + g) + weight);
        }
      }
    }
    constexpr int kAbreast = 8;  // keys summed side by side, so that one addition need not wait for the last
    for (int i = 0; i < count; i += kAbreast) {
      float total[kAbreast] = {}, largest[kAbreast] = {};
      int64_t row = 0;
      for (int64_t g = 0; g < job.num_groups; ++g) {
        float sum[kAbreast] = {};
        for (; row < job.group_ends[g]; ++row) {
          const float* weight = weights + (row / kRowTile * kTileRows + i) * kRowTile + row % kRowTile;
          for (int lane = 0; lane < kAbreast; ++lane) sum[lane] += weight[lane * kRowTile];
        }
        for (int lane = 0; lane < kAbreast; ++lane) {
          total[lane] += sum[lane];
          largest[lane] = sum[lane] > largest[lane] ? sum[lane] : largest[lane];
        }
      }
      for (int lane = 0; lane < kAbreast && i + lane < count; ++lane) {
        job.column_sums[first + i + lane] = total[lane];
        job.group_maxima[first + i + lane] = largest[lane];
      }
    }
  }
}

}  // namespace
