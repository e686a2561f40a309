// Exact attention of one row block over its key stream: the online softmax of FlashAttention, 64 queries by 64 keys a step.
#pragma once

#include "abi.h"
#include "key_stream.h"
#include "logit_scale.h"
#include "numbers.h"
#include "register_block.h"

namespace {

constexpr int64_t kRowsAllocated = kRowTile + kBlockRows;  // register blocks may run over the 64th row

constexpr int64_t round_up(int64_t n, int64_t multiple) { return (n + multiple - 1) / multiple * multiple; }

// Scratch memory of one thread; everything a row block touches besides K, V and its own rows.
struct Workspace {
  float* queries;      // panels of kPanel queries, [panel][step][query], 32-bit operands
  float* scores;       // [64 keys][64 queries], then the weights in place (as pairs: [32][64])
  float* output;       // [70 rows][value width]
  float* wide_keys;    // [64][head_dim] float32 copies, where the inputs cannot be used in place
  float* wide_values;  // [64][value width] float32 copies, or [32][value width] bfloat16 pairs
  float* maxima;       // [64] largest raw logit so far
  float* sums;         // [64] sum of weights so far
  float* tile_maxima;  // [64]
  float* rescale;      // [64]

  static int64_t value_width(const Call& call) { return round_up(call.value_dim, 32); }

  static int64_t num_floats(const Call& call) {
    const int64_t width = value_width(call), head_dim = round_up(call.head_dim, 16);
    return kRowTile * head_dim + kRowsAllocated * kRowTile + kRowsAllocated * width + kRowTile * head_dim +
           kRowTile * width + 4 * kRowTile;
  }

  Workspace(const Call& call, void* memory) {
    const int64_t width = value_width(call), head_dim = round_up(call.head_dim, 16);
    float* next = static_cast<float*>(memory);
    const auto take = [&next](int64_t count) {
      float* taken = next;
      next += count;
      return taken;
    };
    queries = take(kRowTile * head_dim);
    scores = take(kRowsAllocated * kRowTile);
    output = take(kRowsAllocated * width);
    wide_keys = take(kRowTile * head_dim);
    wide_values = take(kRowTile * width);
    maxima = take(kRowTile);
    sums = take(kRowTile);
    tile_maxima = take(kRowTile);
    rescale = take(kRowTile);
  }
};

template <class Product>
struct OperandsPerWord {
  static constexpr int64_t value = 1;
};
#if defined(__AVX512BF16__)
template <>
struct OperandsPerWord<BFloat16PairProduct> {
  static constexpr int64_t value = 2;
};
#endif

MK_INLINE const char* row_address(const void* base, int64_t row, int64_t stride, int64_t data_type) {
  return static_cast<const char*>(base) + row * stride * (data_type == kFloat32 ? 4 : 2);
}

// Lays `num_rows` query rows out as panels; the remaining rows of the block become zeros. `sign` is 1, -1 or 0.
template <class Product>
MK_INLINE void pack_queries(const Call& call, const void* query, int64_t stride, int64_t first_row, int64_t num_rows,
                            float sign, float* wide, float* packed) {
  constexpr int64_t kPerWord = OperandsPerWord<Product>::value;
  const int64_t steps = call.head_dim / kPerWord;
  for (int64_t row = 0; row < kRowTile; ++row) {
    float* out = packed + row / kPanel * steps * kPanel + row % kPanel;
    if (row >= num_rows) {
      for (int64_t t = 0; t < steps; ++t) out[t * kPanel] = 0.0f;
      continue;
    }
    const char* source = row_address(query, first_row + row, stride, call.data_type);
    if (kPerWord == 2) {
      const Word* words = reinterpret_cast<const Word*>(source);
      for (int64_t t = 0; t < steps; ++t) out[t * kPanel] = words[t];
    } else {
      widen_row(source, call.data_type, call.head_dim, wide);
      for (int64_t t = 0; t < steps; ++t) out[t * kPanel] = sign * wide[t];
    }
  }
}

// scores[key][query] for `count` keys, six at a time. Missing keys of the last six repeat the last one; nobody reads them.
template <class Product>
MK_INLINE void score_tile(const Word** keys, int count, int64_t steps, const Workspace& space) {
  for (int i = count; i < count + kBlockRows; ++i) keys[i] = keys[count - 1];
  for (int64_t panel = 0; panel < kRowTile / kPanel; ++panel) {
    const float* queries = space.queries + panel * steps * kPanel;
    float* scores = space.scores + panel * kPanel;
    float* maxima = space.tile_maxima + panel * kPanel;
    int i = 0;
    for (; count - i >= 5; i += 6)
      score_block<Product, 6>(keys + i, queries, steps, scores + i * kRowTile, kRowTile, maxima);
    if (i < count) score_block<Product, 4>(keys + i, queries, steps, scores + i * kRowTile, kRowTile, maxima);
  }
}

// Where a tile crosses the diagonal or the edge of a window: minus infinity for what a row may not see.
struct RowMask {
  int64_t first_position, num_rows;
  bool windowed;
  int64_t sink, local;

  MK_INLINE bool touches(const int32_t* keys, int count) const {
    bool hidden = false;
    const int64_t last_position = first_position + num_rows - 1;
    for (int i = 0; i < count; ++i) {
      hidden |= keys[i] > first_position;
      hidden |= windowed && keys[i] >= sink && last_position - keys[i] >= local;
    }
    return hidden;
  }

  MK_INLINE void apply(const int32_t* keys, int count, float* scores) const {
    for (int i = 0; i < count; ++i) {
      const int64_t lead = keys[i] - first_position;  // rows before this one may not see the key
      const bool fades = windowed && keys[i] >= sink;
      for (int64_t row = 0; row < kRowTile; ++row)
        if (row < lead || (fades && row - lead >= local)) scores[i * kRowTile + row] = kMinusInfinity;
    }
  }
};

// cap * tanh(x / cap). tanh |y| = (1 - t) / (1 + t) with t = exp(-2 |y|); near zero that would cancel, so a series there.
MK_INLINE Vec soft_cap(Vec x, float cap) {
  const Vec y = x * (1.0f / cap);
  const Vec size = y < 0.0f ? -y : y;
  const Vec t = exp2(size * (-2.0f * kLog2E));
  const Vec far = (1.0f - t) / (1.0f + t);
  const Vec square = y * y;
  const Vec near = size * (1.0f + square * (-1.0f / 3.0f + square * (2.0f / 15.0f + square * (-17.0f / 315.0f))));
  const Vec magnitude = size < 0.2f ? near : far;
  return (y < 0.0f ? -magnitude : magnitude) * cap;
}

MK_INLINE void soft_cap_tile(int count, const LogitScale& scale, const Workspace& space) {
  for (int64_t i = 0; i < count * kRowTile; i += kLanes)
    store(space.scores + i, soft_cap(load(space.scores + i) * scale.magnitude, scale.cap));
}

// Turns the scores of a tile into weights relative to the running maximum and adds them to the running sums. Returns
// whether a maximum moved; then `rescale` holds the factors that bring older sums to the new maximum.
template <class Product>
MK_INLINE bool online_softmax(int count, float exponent_scale, const Workspace& space) {
  bool moved = false;
  Vec shift[kRowTile / kLanes];
  for (int64_t g = 0; g < kRowTile / kLanes; ++g) {
    const Vec old_maximum = load(space.maxima + g * kLanes);
    const Vec maximum = max(old_maximum, load(space.tile_maxima + g * kLanes));
    const Vec scaled = maximum * exponent_scale;
    shift[g] = scaled == kMinusInfinity ? Vec{} : scaled;  // a row that has seen no key yet: keep -inf - -inf away
    if (any(maximum != old_maximum)) {
      const Vec factor = exp2(old_maximum * exponent_scale - shift[g]);
      store(space.rescale + g * kLanes, maximum != old_maximum ? factor : broadcast(1.0f));
      store(space.sums + g * kLanes, load(space.sums + g * kLanes) * load(space.rescale + g * kLanes));
      store(space.maxima + g * kLanes, maximum);
      moved = true;
    } else {
      store(space.rescale + g * kLanes, broadcast(1.0f));
    }
  }
  Vec sum[kRowTile / kLanes];
  for (int64_t g = 0; g < kRowTile / kLanes; ++g) sum[g] = load(space.sums + g * kLanes);
  if constexpr (OperandsPerWord<Product>::value == 1) {
    for (int key = 0; key < count; ++key) {
      float* row = space.scores + key * kRowTile;
      for (int64_t g = 0; g < kRowTile / kLanes; ++g) {
        const Vec weight = exp2(load(row + g * kLanes) * exponent_scale - shift[g]);
        sum[g] += weight;
        store(row + g * kLanes, weight);
      }
    }
  }
#if defined(__AVX512BF16__)
  if constexpr (OperandsPerWord<Product>::value == 2) {
    for (int key = 0; key < count; key += 2) {
      const float* row = space.scores + key * kRowTile;
      float* pairs = space.scores + key / 2 * kRowTile;  // at or behind the row being read
      for (int64_t g = 0; g < kRowTile / kLanes; ++g) {
        const Vec low = exp2(load(row + g * kLanes) * exponent_scale - shift[g]);
        Vec high = {};
        if (key + 1 < count) high = exp2(load(row + kRowTile + g * kLanes) * exponent_scale - shift[g]);
        sum[g] += low + high;
        store(pairs + g * kLanes, pair_up(low, high));
      }
    }
  }
#endif
  for (int64_t g = 0; g < kRowTile / kLanes; ++g) store(space.sums + g * kLanes, sum[g]);
  return moved;
}

template <class Product, int Vectors>
MK_INLINE void value_panel(const Word* const* values, int64_t column, int64_t steps, int64_t num_rows, int64_t width,
                           const Workspace& space) {
  int64_t row = 0;
  for (; num_rows - row >= 5; row += 6)
    value_block<Product, 6, Vectors>(space.scores + row, kRowTile, values, column, steps,
                                     space.output + row * width + column, width);
  if (row < num_rows)
    value_block<Product, 4, Vectors>(space.scores + row, kRowTile, values, column, steps,
                                     space.output + row * width + column, width);
}

// output[row] += sum over keys of weights[key][row] * values[key].
template <class Product>
MK_INLINE void value_tile(const Word* const* values, int64_t steps, int64_t num_rows, int64_t value_dim, int64_t width,
                          const Workspace& space) {
  const int64_t vectors = (value_dim + kLanes - 1) / kLanes;
  int64_t v = 0;
  for (; vectors - v >= kBlockVectors; v += kBlockVectors)
    value_panel<Product, kBlockVectors>(values, v * kLanes, steps, num_rows, width, space);
  if constexpr (kBlockVectors == 4) {
    if (vectors - v == 3) value_panel<Product, 3>(values, v * kLanes, steps, num_rows, width, space);
    if (vectors - v == 2) value_panel<Product, 2>(values, v * kLanes, steps, num_rows, width, space);
  }
  if (vectors - v == 1) value_panel<Product, 1>(values, v * kLanes, steps, num_rows, width, space);
}

// Divides by the sums and writes output rows and log-sum-exps. A row that saw no key becomes zeros with LSE -inf.
MK_INLINE void finish_rows(const Call& call, const HeadJob& job, int64_t first_row, int64_t num_rows, float logit_scale,
                           const Workspace& space) {
  const int64_t width = Workspace::value_width(call);
  for (int64_t row = 0; row < num_rows; ++row) {
    const float sum = space.sums[row], factor = sum == 0.0f ? 0.0f : 1.0f / sum;
    float* out = space.output + row * width;
    for (int64_t i = 0; i < call.value_dim; ++i) out[i] *= factor;
    char* target = const_cast<char*>(row_address(job.output, first_row + row, job.output_stride, call.data_type));
    narrow_row(out, call.data_type, call.value_dim, target);
    if (job.lse != nullptr)
      job.lse[first_row + row] =
          sum == 0.0f ? kMinusInfinity : space.maxima[row] * logit_scale + __builtin_logf(sum);
  }
}

// Attention of rows [first_row, last_row), which lie in one row block.
template <class Product>
void attend_rows(const Call& call, const HeadJob& job, int64_t first_row, int64_t last_row, bool dense, void* memory) {
  constexpr bool kPairs = OperandsPerWord<Product>::value == 2;
  const Workspace space(call, memory);
  const int64_t num_rows = last_row - first_row, width = Workspace::value_width(call);
  const int64_t steps = call.head_dim / OperandsPerWord<Product>::value;
  // Rows that are not whole vectors of float32 are copied, so that the register blocks never read past a row.
  const bool copy_keys = !kPairs && call.data_type != kFloat32;
  const bool copy_values = copy_keys || call.value_dim % kLanes != 0;

  const LogitScale scale(call);
  pack_queries<Product>(call, job.query, job.query_stride, first_row, num_rows, scale.sign, space.wide_keys,
                        space.queries);
  for (int64_t i = 0; i < kRowTile; ++i) {
    space.maxima[i] = kMinusInfinity;
    space.sums[i] = 0.0f;
  }
  std::memset(space.output, 0, static_cast<size_t>(kRowsAllocated * width) * sizeof(float));

  const bool windowed = !dense && job.kind == kWindow;
  const RowMask mask{job.num_keys - job.num_queries + first_row, num_rows, windowed, job.sink, job.local};
  KeyStream stream(job, first_row, last_row, dense);
  int32_t keys[kRowTile];
  const Word* key_rows[kRowTile + kBlockRows];
  const Word* value_rows[kRowTile];
  while (const int count = stream.next(keys)) {
    for (int i = 0; i < count; ++i) {
      const char* row = row_address(job.key, keys[i], job.key_stride, call.data_type);
      if (copy_keys) {
        widen_row(row, call.data_type, call.head_dim, space.wide_keys + i * call.head_dim);
        row = reinterpret_cast<const char*>(space.wide_keys + i * call.head_dim);
      }
      key_rows[i] = reinterpret_cast<const Word*>(row);
    }
    for (int64_t i = 0; i < kRowTile; ++i) space.tile_maxima[i] = kMinusInfinity;
    score_tile<Product>(key_rows, count, steps, space);

    const bool masked = mask.touches(keys, count);
    if (masked || scale.cap > 0.0f) {
      if (scale.cap > 0.0f) soft_cap_tile(count, scale, space);
      if (masked) mask.apply(keys, count, space.scores);
      for (int64_t g = 0; g < kRowTile; g += kLanes) {
        Vec maximum = broadcast(kMinusInfinity);
        for (int i = 0; i < count; ++i) maximum = max(maximum, load(space.scores + i * kRowTile + g));
        store(space.tile_maxima + g, maximum);
      }
    }

    if (online_softmax<Product>(count, scale.exponent, space))
      for (int64_t row = 0; row < num_rows; ++row)
        if (space.rescale[row] != 1.0f)
          for (int64_t i = 0; i < width; i += kLanes) {
            float* out = space.output + row * width + i;
            store(out, load(out) * space.rescale[row]);
          }

    int64_t value_steps = count;
    for (int i = 0; i < count; ++i) {
      const char* row = row_address(job.value, keys[i], job.value_stride, call.data_type);
      if (copy_values && !kPairs) {
        widen_row(row, call.data_type, call.value_dim, space.wide_values + i * width);
        for (int64_t j = call.value_dim; j < width; ++j) space.wide_values[i * width + j] = 0.0f;
        row = reinterpret_cast<const char*>(space.wide_values + i * width);
      }
      value_rows[i] = reinterpret_cast<const Word*>(row);
    }
#if defined(__AVX512BF16__)
    if constexpr (kPairs) {
      value_steps = (count + 1) / 2;
      for (int64_t i = 0; i < value_steps; ++i) {
        const Word* high = 2 * i + 1 < count ? value_rows[2 * i + 1] : nullptr;
        float* pairs = space.wide_values + i * width;
        interleave_rows(reinterpret_cast<const uint16_t*>(value_rows[2 * i]), reinterpret_cast<const uint16_t*>(high),
                        call.value_dim, pairs);
        value_rows[i] = pairs;
      }
    }
#endif
    value_tile<Product>(value_rows, value_steps, num_rows, call.value_dim, width, space);
  }
  finish_rows(call, job, first_row, num_rows, scale.natural, space);
}

// One row block, split where the rows that see everything begin.
void attend_block(const Call& call, const HeadJob& job, int64_t row_block, void* memory) {
  const int64_t first = row_block * kRowTile;
  const int64_t last = first + kRowTile < job.num_queries ? first + kRowTile : job.num_queries;
  const int64_t split = job.dense_from < first ? first : (job.dense_from < last ? job.dense_from : last);
  for (int part = 0; part < 2; ++part) {
    const int64_t from = part == 0 ? first : split, to = part == 0 ? split : last;
    if (from >= to) continue;
#if defined(__AVX512BF16__)
    // Pairs need an even head dimension, and only a positive scale leaves the queries as they are.
    if (call.data_type == kBFloat16 && call.head_dim % 2 == 0 && call.scale > 0) {
      attend_rows<BFloat16PairProduct>(call, job, from, to, part == 1, memory);
      continue;
    }
#endif
    attend_rows<FloatProduct>(call, job, from, to, part == 1, memory);
  }
}

}  // namespace
