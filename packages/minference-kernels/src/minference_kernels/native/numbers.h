// Rows of float32, bfloat16 and float16 numbers in and out of float32, and bfloat16 pairs.
#pragma once

#include "abi.h"
#include "simd.h"

namespace {

MK_INLINE float bfloat16_to_float(uint16_t bits) {
  const uint32_t wide = static_cast<uint32_t>(bits) << 16;
  float x;
  std::memcpy(&x, &wide, 4);
  return x;
}

MK_INLINE uint16_t float_to_bfloat16(float x) {
  uint32_t bits;
  std::memcpy(&bits, &x, 4);
  if ((bits & 0x7fffffffu) > 0x7f800000u) return static_cast<uint16_t>((bits >> 16) | 0x40u);  // stay a NaN
  return static_cast<uint16_t>((bits + 0x7fffu + ((bits >> 16) & 1u)) >> 16);                  // nearest, ties to even
}

MK_INLINE float float16_to_float(uint16_t bits) {
  // Shift exponent and mantissa into place and let one multiplication re-bias: right for subnormal numbers too.
  const uint32_t wide = static_cast<uint32_t>(bits & 0x7fffu) << 13;
  float x;
  std::memcpy(&x, &wide, 4);
  x *= 0x1p112f;
  uint32_t result;
  std::memcpy(&result, &x, 4);
  if ((bits & 0x7c00u) == 0x7c00u) result |= 0x7f800000u;  // infinity and NaN
  result |= static_cast<uint32_t>(bits & 0x8000u) << 16;
  std::memcpy(&x, &result, 4);
  return x;
}

MK_INLINE uint16_t float_to_float16(float x) {
  uint32_t bits;
  std::memcpy(&bits, &x, 4);
  const uint16_t sign = static_cast<uint16_t>((bits >> 16) & 0x8000u);
  bits &= 0x7fffffffu;
  if (bits > 0x7f800000u) return sign | 0x7e00u;
  if (bits >= 0x477ff000u) return sign | 0x7c00u;  // 65520 and above round to infinity
  if (bits < 0x38800000u) {                        // below 2**-14 the spacing is 2**-24: let float addition round
    float magnitude;
    std::memcpy(&magnitude, &bits, 4);
    magnitude += 0.5f;
    std::memcpy(&bits, &magnitude, 4);
    return sign | static_cast<uint16_t>(bits - 0x3f000000u);
  }
  bits += 0xfffu + ((bits >> 13) & 1u);
  return sign | static_cast<uint16_t>((bits - 0x38000000u) >> 13);
}

// out[0 .. count) = row[0 .. count) as float32.
MK_INLINE void widen_row(const void* row, int64_t data_type, int64_t count, float* out) {
  if (data_type == kFloat32) {
    std::memcpy(out, row, static_cast<size_t>(count) * 4);
    return;
  }
  const uint16_t* bits = static_cast<const uint16_t*>(row);
  int64_t i = 0;
#if defined(__F16C__)
  if (data_type == kFloat16)
    for (; i + 8 <= count; i += 8)
      _mm256_storeu_ps(out + i, _mm256_cvtph_ps(_mm_loadu_si128(reinterpret_cast<const __m128i*>(bits + i))));
#endif
  if (data_type == kFloat16)
    for (; i < count; ++i) out[i] = float16_to_float(bits[i]);
  else
    for (; i < count; ++i) out[i] = bfloat16_to_float(bits[i]);
}

// row[0 .. count) = x[0 .. count), rounded to the nearest number of the type, ties to even.
MK_INLINE void narrow_row(const float* x, int64_t data_type, int64_t count, void* row) {
  if (data_type == kFloat32) {
    std::memcpy(row, x, static_cast<size_t>(count) * 4);
    return;
  }
  uint16_t* bits = static_cast<uint16_t*>(row);
  if (data_type == kFloat16)
    for (int64_t i = 0; i < count; ++i) bits[i] = float_to_float16(x[i]);
  else
    for (int64_t i = 0; i < count; ++i) bits[i] = float_to_bfloat16(x[i]);
}

#if defined(__AVX512BF16__)
// pairs[j] = (low[j], high[j]) for bfloat16 rows of `count` numbers; a null `high` stands for zeros. Writes whole
// vectors of 32 pairs, never reads past `count`.
MK_INLINE void interleave_rows(const uint16_t* low, const uint16_t* high, int64_t count, float* pairs) {
  alignas(64) static const uint16_t kFirst[32] = {0, 32, 1, 33, 2,  34, 3,  35, 4,  36, 5,  37, 6,  38, 7,  39,
                                                  8, 40, 9, 41, 10, 42, 11, 43, 12, 44, 13, 45, 14, 46, 15, 47};
  const __m512i first = _mm512_load_si512(kFirst);
  const __m512i second = _mm512_add_epi16(first, _mm512_set1_epi16(16));
  for (int64_t j = 0; j < count; j += 32) {
    const __mmask32 present = count - j >= 32 ? ~0u : (1u << (count - j)) - 1u;
    const __m512i a = _mm512_maskz_loadu_epi16(present, low + j);
    const __m512i b = high ? _mm512_maskz_loadu_epi16(present, high + j) : _mm512_setzero_si512();
    _mm512_storeu_si512(pairs + j, _mm512_permutex2var_epi16(a, first, b));
    _mm512_storeu_si512(pairs + j + 16, _mm512_permutex2var_epi16(a, second, b));
  }
}

// The pair (low, high) of each lane, rounded to bfloat16.
MK_INLINE Vec pair_up(Vec low, Vec high) {
  const __m512i a = _mm512_cvtepu16_epi32((__m256i)_mm512_cvtneps_pbh((__m512)low));
  const __m512i b = _mm512_cvtepu16_epi32((__m256i)_mm512_cvtneps_pbh((__m512)high));
  return (Vec)_mm512_or_si512(a, _mm512_slli_epi32(b, 16));
}
#endif

}  // namespace
