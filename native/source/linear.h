// Linear layers.
#pragma once
#include "runtime.h"

namespace revcol {

// y [rows, columns] = x [rows, depth] kernel [depth, columns] + bias [columns]. Returns how many bytes of scratch
// memory could not be had; 0: done.
size_t linear(const Runtime&, long rows, long depth, long columns, const float* x, const float* kernel,
              const float* bias, float* y);

}  // namespace revcol
