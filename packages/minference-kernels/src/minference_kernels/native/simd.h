// One vector of floats, as wide as the instruction set this file is compiled for.
//
// The vector extensions of GCC and Clang give arithmetic, comparison and selection on any processor, so the
// algorithm is written once; intrinsics appear only where the language has no word for an instruction. Everything
// sits in an unnamed namespace: the same source is compiled several times with different -m flags and linked into
// one library, and a shared inline function would let the linker run AVX-512 code on a processor without it.
#pragma once

#include <cstdint>
#include <cstring>

#if defined(__x86_64__) || defined(__i386__)
#include <immintrin.h>
#endif

#define MK_INLINE inline __attribute__((always_inline))

namespace {

#if defined(__AVX512F__)
constexpr int kLanes = 16;
constexpr int kBlockVectors = 4;  // 6 x 4 accumulators + 4 operands fill most of 32 registers
#elif defined(__AVX2__)
constexpr int kLanes = 8;
constexpr int kBlockVectors = 2;  // 6 x 2 accumulators + 2 operands in 16 registers
#else
constexpr int kLanes = 4;
constexpr int kBlockVectors = 2;
#endif

typedef float Vec __attribute__((vector_size(kLanes * 4)));
typedef int32_t IntVec __attribute__((vector_size(kLanes * 4)));
typedef float UnalignedVec __attribute__((vector_size(kLanes * 4), aligned(4), may_alias));

// A 32-bit operand in memory: one float, or two neighbouring bfloat16 numbers. Rows of bfloat16 start on any even address.
typedef float Word __attribute__((may_alias, aligned(2)));
typedef float WordVec __attribute__((vector_size(kLanes * 4), aligned(2), may_alias));

constexpr float kMinusInfinity = -__builtin_inff();

MK_INLINE Vec load(const float* p) { return *reinterpret_cast<const UnalignedVec*>(p); }
MK_INLINE Vec load_words(const Word* p) { return *reinterpret_cast<const WordVec*>(p); }
MK_INLINE void store(float* p, Vec x) { *reinterpret_cast<UnalignedVec*>(p) = x; }

MK_INLINE Vec broadcast(float x) {
#if defined(__AVX512F__)
  return (Vec)_mm512_set1_ps(x);
#elif defined(__AVX2__)
  return (Vec)_mm256_set1_ps(x);
#else
  return Vec{x, x, x, x};
#endif
}

// max(a, b) that keeps a NaN in b: a poisoned logit must show in the output, not vanish.
MK_INLINE Vec max(Vec a, Vec b) { return a > b ? a : b; }

MK_INLINE bool any(IntVec mask) {
#if defined(__AVX512F__)
  return _mm512_test_epi32_mask((__m512i)mask, (__m512i)mask) != 0;
#elif defined(__AVX2__)
  return !_mm256_testz_si256((__m256i)mask, (__m256i)mask);
#else
  return (mask[0] | mask[1] | mask[2] | mask[3]) != 0;
#endif
}

// 2**x for x <= 0 (and a little above), relative error below 2e-7; exactly 0 below -127, NaN for NaN.
// x = n + f with f in [-1/2, 1/2]: a degree 6 minimax polynomial for 2**f, then n goes into the exponent.
MK_INLINE Vec exp2(Vec x) {
  const Vec lowest = broadcast(-127.0f);
  x = max(lowest, x);
  const Vec magic = broadcast(12582912.0f);  // 1.5 * 2**23: adding it rounds x to an integer in the low mantissa bits
  const Vec shifted = x + magic;
  const Vec f = x - (shifted - magic);
  Vec p = broadcast(1.535336188319500e-4f);
  p = p * f + broadcast(1.339887440266574e-3f);
  p = p * f + broadcast(9.618437357674640e-3f);
  p = p * f + broadcast(5.550332471162809e-2f);
  p = p * f + broadcast(2.402264791363012e-1f);
  p = p * f + broadcast(6.931472028550421e-1f);
  p = p * f + broadcast(1.0f);
  // n + 127 moved into the exponent field; n = -127 gives the bit pattern of zero, so masked keys weigh exactly nothing.
  const Vec power = (Vec)(((IntVec)shifted + 127) << 23);
  return p * power;
}

}  // namespace
