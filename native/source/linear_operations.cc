// What TensorFlow calls of linear layers, and of patches of images, which they make strided convolutions of.
#include <algorithm>
#include <cstring>

#include "call.h"
#include "linear.h"

namespace revcol {

namespace {

// x [rows, depth], kernel [depth, columns], bias [columns]
void computeLinear(void*, TF_OpKernelContext* context) {
  Call call(context);
  if (!call.expectRank(0, "a", 2, 2) || !call.expectRank(1, "b", 2, 2)) return;
  const int64_t rows = call.shape(0)[0], depth = call.shape(0)[1], columns = call.shape(1)[1];
  if (!call.expectShape(1, "b", {depth, columns}) || !call.expectShape(2, "bias", {columns})) return;
  float* y = call.output(0, {rows, columns});
  call.run([&](const Runtime& run) {
    if (rows == 0 || columns == 0) return size_t{0};
    if (depth > 0) return linear(run, rows, depth, columns, call.input(0), call.input(1), call.input(2), y);
    for (long r = 0; r < rows; r++) std::memcpy(y + r * columns, call.input(2), columns * sizeof(float));
    return size_t{0};
  });
}

// Of images and their patches [batch * rows * columns, side * side * channels].
struct Patches {
  long batch, height, width, channels;
  // Of a patch, and how many patches an image has.
  long side, rows, columns;
};

// The longest side whose square is an int64.
constexpr int64_t kMostSide = 3037000499;

Patches patchesOf(const Shape& image, long side) {
  return {image[0], image[1], image[2], image[3], side, image[1] / side, image[2] / side};
}

// Calls f(floats from the beginning of the image, and of the patches, to a run that both have, floats of it).
template <class F>
void overRuns(const Runtime& run, const Patches& p, const F& f) {
  const long length = p.side * p.channels;
  // Lines of pixels that patches have.
  const long lines = p.rows * p.side;
  run.overRows(p.batch * lines, [&](long from, long end, int) {
    for (long l = from; l < end; l++) {
      const long sample = l / lines, line = l % lines, row = line / p.side, inside = line % p.side;
      const long image = (sample * p.height + line) * p.width * p.channels;
      const long patches = ((sample * p.rows + row) * p.columns * p.side + inside) * length;
      for (long c = 0; c < p.columns; c++) f(image + c * length, patches + c * p.side * length, length);
    }
  });
}

// x, and the side of a patch
void computePatches(void*, TF_OpKernelContext* context) {
  Call call(context);
  double settings[1];
  if (!call.expectRank(0, "x", 4, 4) || !call.readNumbers(1, "settings", settings)) return;
  const int64_t side = toSize(settings[0]);
  if (side < 1 || side > kMostSide) {
    call.fail(kInvalidArgument, "patches must have whole sides from 1");
    return;
  }
  const Patches p = patchesOf(call.shape(0), side);
  float* y = call.output(0, {p.batch * p.rows * p.columns, side * side * p.channels});
  call.run([&](const Runtime& run) {
    overRuns(run, p, [&](long image, long patches, long n) {
      std::memcpy(y + patches, call.input(0) + image, n * sizeof(float));
    });
    return size_t{0};
  });
}

// rows, and: side of a patch, batch, height and width
void computeFromPatches(void*, TF_OpKernelContext* context) {
  Call call(context);
  double settings[4];
  if (!call.expectRank(0, "rows", 2, 2) || !call.readNumbers(1, "settings", settings)) return;
  const int64_t side = toSize(settings[0]), width = call.shape(0)[1];
  if (side < 1 || side > kMostSide || width % (side * side) != 0) {
    call.fail(kInvalidArgument, "rows must be as long as patches of that side");
    return;
  }
  const Shape image = {toSize(settings[1]), toSize(settings[2]), toSize(settings[3]), width / (side * side)};
  if (std::min({image[0], image[1], image[2]}) < 0) {
    call.fail(kInvalidArgument, "batch, height and width must be whole numbers from 0");
    return;
  }
  const Patches p = patchesOf(image, side);
  if (!call.expectShape(0, "rows", {p.batch * p.rows * p.columns, width})) return;
  float* x = call.output(0, image);
  call.run([&](const Runtime& run) {
    // Where pixels are in no patch.
    if (p.rows * side != p.height || p.columns * side != p.width) std::memset(x, 0, sizeOf(image) * sizeof(float));
    overRuns(run, p, [&](long at, long patches, long n) {
      std::memcpy(x + at, call.input(0) + patches, n * sizeof(float));
    });
    return size_t{0};
  });
}

}  // namespace

std::vector<Operation> linearOperations() {
  return {
      {"RevColMatMul", {"a", "b", "bias"}, {"product"}, false, computeLinear},
      {"RevColPatches", {"x", "settings: int32"}, {"rows"}, false, computePatches},
      {"RevColFromPatches", {"rows", "settings: int32"}, {"x"}, false, computeFromPatches},
  };
}

}  // namespace revcol
