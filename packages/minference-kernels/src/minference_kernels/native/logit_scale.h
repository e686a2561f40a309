// How the scale and the softcap of a call enter the softmax.
#pragma once

#include "abi.h"

namespace {

constexpr float kLog2E = 1.44269504088896340736f;

// Logits are scaled inside the exponential: softmax(s * scale) = 2**(s * scale * log2 e - shift). The running maximum of
// raw logits needs a positive factor, so a negative scale turns the queries round and a zero scale clears them. With a
// softcap the logits are scaled before it.
struct LogitScale {
  float magnitude;  // of the scale
  float sign;       // of the scale: what queries are multiplied by
  float cap;
  float natural;    // from what the softmax sees to natural logarithms
  float exponent;   // and to powers of two

  explicit LogitScale(const Call& call)
      : magnitude(__builtin_fabsf(static_cast<float>(call.scale))),
        sign(call.scale < 0.0 ? -1.0f : (call.scale > 0.0 ? 1.0f : 0.0f)),
        cap(static_cast<float>(call.softcap)),
        natural(cap > 0.0f || magnitude == 0.0f ? 1.0f : magnitude),
        exponent(natural * kLog2E) {}
};

}  // namespace
