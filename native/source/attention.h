// Multi-head attention without a matrix of all scores, forward and backward (Dao et al. 2022, arXiv 2205.14135).
#pragma once
#include "runtime.h"

namespace revcol {

// query [batch, queries, heads * depth], key [batch, keys, heads * depth], value [batch, keys, heads *
// valueDepth], bias [batch, keys] or none; no size is 0.
struct Attention {
  long batch, queries, keys, heads, depth, valueDepth;
  // Of scores, above 0.
  float scale;
  // Query i sees keys up to i + offset.
  long offset;
  const float *query, *key, *value, *bias;
};

// Gives y [batch, queries, heads * valueDepth], 0 for queries that see no key. Returns how many bytes of scratch
// memory could not be had; 0: done. It takes, for each thread, as much as the keys and values of one head and
// the scores of some queries.
size_t attention(const Runtime&, const Attention&, float* y);

// Gradients of the operands, given y and its gradient. Scores are computed again. The sums over queries depend on
// the number of threads, and on nothing else.
size_t attentionGradient(const Runtime&, const Attention&, const float* y, const float* dy, float* dQuery,
                         float* dKey, float* dValue);

}  // namespace revcol
