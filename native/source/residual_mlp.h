// The half of a ConvNeXt block after its depthwise convolution, forward and backward.
#pragma once
#include "runtime.h"

namespace revcol {

// Weights of `residual + survival * scale * (gelu(LayerNorm(u) expand + expandBias) project + projectBias)`.
struct MlpWeights {
  long width, hidden;
  float epsilon;
  const float *gamma, *beta, *expand, *expandBias, *project, *projectBias, *scale;
};

// What samples are multiplied by, one number for `rowsPerSample` rows each; no numbers for 1.
struct Survival {
  const float* factors;
  long rowsPerSample;
};

// What is computed of the gradients of an output, in the shapes of what they belong to.
struct MlpGradients {
  float *u, *gamma, *beta, *expand, *expandBias, *project, *projectBias, *scale;
};

// Gives y [rows, width]. Returns how many bytes of scratch memory could not be had; 0: done.
size_t residualMlp(const Runtime&, long rows, const MlpWeights&, const float* u,
                   const float* residual, Survival, float* y);

// Gradients, given that of the output; that of `residual` is the same. Of the hidden values nothing is
// kept from the forward pass: they are computed again. The sums over rows depend on the number of threads,
// and on nothing else: for one number every call gives the same bits.
size_t residualMlpGradient(const Runtime&, long rows, const MlpWeights&, const float* u,
                           const float* dy, Survival, const MlpGradients&);

}  // namespace revcol
