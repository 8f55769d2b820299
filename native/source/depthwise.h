// Depthwise convolutions of batches of images, with their gradients.
#pragma once
#include "runtime.h"

namespace revcol {

// y [batch, height, width, channels], plus bias and plus `other`, each where given. `flipped`: the gradient
// of the image, of which x is that of the output.
void depthwise(const Runtime&, long batch, const Depthwise&, const float* x, const float* kernel,
               bool flipped, const float* bias, const float* other, float* y);

// Gradients of kernel and bias. Returns how many bytes of scratch memory could not be had; 0: done. Sums
// depend on the number of threads, and on nothing else.
size_t depthwiseKernelGradient(const Runtime&, long batch, const Depthwise&, const float* x,
                               const float* dy, float* dKernel, float* dBias);

}  // namespace revcol
