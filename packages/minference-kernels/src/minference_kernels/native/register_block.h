// The two matrix products of attention as one register block each: 6 broadcast operands against kBlockVectors vectors.
//
// Scores are computed transposed, keys down and queries across. Then a key row is only ever broadcast, so it is read in
// place through its pointer (gathered columns and contiguous runs cost the same, and nothing is transposed), and the
// softmax of a query stays in one vector lane: its maximum and sum need no horizontal step.
#pragma once

#include "simd.h"

namespace {

constexpr int kPanel = kBlockVectors * kLanes;  // queries across one register block
constexpr int kBlockRows = 6;

// One multiply-accumulate on 32-bit operands: a float, or a pair of bfloat16 numbers with the sum of both products.
struct FloatProduct {
  static MK_INLINE Vec add(Vec sum, Vec a, Vec b) { return sum + a * b; }
};

#if defined(__AVX512BF16__)
struct BFloat16PairProduct {
  static MK_INLINE Vec add(Vec sum, Vec a, Vec b) {
    return (Vec)_mm512_dpbf16_ps((__m512)sum, (__m512bh)a, (__m512bh)b);
  }
};
#endif

// scores[i][0 .. kPanel) = sum over t of keys[i][t] * queries[t][0 .. kPanel), and the running maximum of each query.
// `score_stride` is the distance in floats from one key's scores to the next.
template <class Product, int Rows>
MK_INLINE void score_block(const Word* const* keys, const float* queries, int64_t steps, float* scores,
                           int64_t score_stride, float* maxima) {
  Vec sum[Rows][kBlockVectors] = {};
  const Word* key[Rows];
  for (int i = 0; i < Rows; ++i) key[i] = keys[i];
  for (int64_t t = 0; t < steps; ++t) {
    Vec query[kBlockVectors];
#pragma GCC unroll 8
    for (int v = 0; v < kBlockVectors; ++v) query[v] = load(queries + t * kPanel + v * kLanes);
#pragma GCC unroll 8
    for (int i = 0; i < Rows; ++i) {
      const Vec element = broadcast(key[i][t]);
#pragma GCC unroll 8
      for (int v = 0; v < kBlockVectors; ++v) sum[i][v] = Product::add(sum[i][v], element, query[v]);
    }
  }
#pragma GCC unroll 8
  for (int v = 0; v < kBlockVectors; ++v) {
    Vec maximum = load(maxima + v * kLanes);
#pragma GCC unroll 8
    for (int i = 0; i < Rows; ++i) {
      maximum = max(maximum, sum[i][v]);
      store(scores + i * score_stride + v * kLanes, sum[i][v]);
    }
    store(maxima + v * kLanes, maximum);
  }
}

// output[i][0 .. Vectors) += sum over t of weights[t][i] * values[t][column ..).
template <class Product, int Rows, int Vectors>
MK_INLINE void value_block(const float* weights, int64_t weight_stride, const Word* const* values, int64_t column,
                           int64_t steps, float* output, int64_t output_stride) {
  Vec sum[Rows][Vectors];
#pragma GCC unroll 8
  for (int i = 0; i < Rows; ++i)
#pragma GCC unroll 8
    for (int v = 0; v < Vectors; ++v) sum[i][v] = load(output + i * output_stride + v * kLanes);
  for (int64_t t = 0; t < steps; ++t) {
    Vec value[Vectors];
#pragma GCC unroll 8
    for (int v = 0; v < Vectors; ++v) value[v] = load_words(values[t] + column + v * kLanes);
#pragma GCC unroll 8
    for (int i = 0; i < Rows; ++i) {
      const Vec weight = broadcast(weights[t * weight_stride + i]);
#pragma GCC unroll 8
      for (int v = 0; v < Vectors; ++v) sum[i][v] = Product::add(sum[i][v], weight, value[v]);
    }
  }
#pragma GCC unroll 8
  for (int i = 0; i < Rows; ++i)
#pragma GCC unroll 8
    for (int v = 0; v < Vectors; ++v) store(output + i * output_stride + v * kLanes, sum[i][v]);
}

}  // namespace
