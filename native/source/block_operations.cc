// What TensorFlow calls of ConvNeXt blocks: their half after the convolution, and depthwise convolutions.
#include <algorithm>

#include "call.h"
#include "depthwise.h"
#include "residual_mlp.h"

namespace revcol {

namespace {

// ---- RevColResidualMlp and its gradient ----

// Inputs 0 and 1 are rows of one shape, 2 to 8 the weights, 9, where it is there, the survival.
struct MlpInputs {
  MlpWeights weights;
  Survival survival;
  long rows;
};

bool readMlp(Call& call, const char* second, float epsilon, MlpInputs& out) {
  if (!call.expectRank(0, "u", 1, kAnyRank) || !call.expectRank(4, "expandKernel", 2, 2)) {
    return false;
  }
  const Shape u = call.shape(0);
  const int64_t width = u.back(), hidden = call.shape(4)[1];
  if (hidden == 0) call.fail(kInvalidArgument, "expandKernel has no columns");
  const Shape vector = {width};
  if (!call.expectShape(1, second, u) || !call.expectShape(2, "gamma", vector) ||
      !call.expectShape(3, "beta", vector) || !call.expectShape(4, "expandKernel", {width, hidden}) ||
      !call.expectShape(5, "expandBias", {hidden}) ||
      !call.expectShape(6, "projectKernel", {hidden, width}) ||
      !call.expectShape(7, "projectBias", vector) || !call.expectShape(8, "layerScale", vector)) {
    return false;
  }
  const auto weight = [&](int i) { return call.input(i); };
  out.weights = {width,     hidden,    epsilon,   weight(2), weight(3),
                 weight(4), weight(5), weight(6), weight(7), weight(8)};
  out.rows = rowsOf(u);
  out.survival = {nullptr, 1};
  if (call.inputs() == 9) return true;
  if (!call.expectShape(9, "survival", {u.size() > 1 ? u[0] : 1})) return false;
  out.survival = {call.input(9), std::max(1L, u.size() > 1 && u[0] > 0 ? out.rows / u[0] : 1)};
  return true;
}

void computeMlp(void* attributes, TF_OpKernelContext* context) {
  Call call(context);
  MlpInputs in;
  if (!readMlp(call, "residual", static_cast<Attributes*>(attributes)->epsilon, in)) return;
  float* y = call.output(0, call.shape(0));
  call.run([&](const Runtime& run) {
    return residualMlp(run, in.rows, in.weights, call.input(0), call.input(1), in.survival, y);
  });
}

void computeMlpGradient(void* attributes, TF_OpKernelContext* context) {
  Call call(context);
  MlpInputs in;
  if (!readMlp(call, "dy", static_cast<Attributes*>(attributes)->epsilon, in)) return;
  const Shape vector = {in.weights.width};
  const int64_t width = in.weights.width, hidden = in.weights.hidden;
  MlpGradients out;
  out.u = call.output(0, call.shape(0));
  out.gamma = call.output(1, vector);
  out.beta = call.output(2, vector);
  out.expand = call.output(3, {width, hidden});
  out.expandBias = call.output(4, {hidden});
  out.project = call.output(5, {hidden, width});
  out.projectBias = call.output(6, vector);
  out.scale = call.output(7, vector);
  call.run([&](const Runtime& run) {
    return residualMlpGradient(run, in.rows, in.weights, call.input(0), call.input(1), in.survival,
                               out);
  });
}

// ---- RevColDepthwise and its gradients ----

// How often a program makes rows and columns of padding before an image: as TensorFlow's SAME does.
long paddingBefore(long side) { return (side - 1) / 2; }

bool readImages(Call& call, const char* name, Depthwise& out, long& batch) {
  if (!call.expectRank(0, name, 4, 4)) return false;
  const Shape x = call.shape(0);
  batch = x[0];
  out = {x[1], x[2], x[3], 0, 0};
  return true;
}

bool readKernel(Call& call, int i, Depthwise& out) {
  if (!call.expectRank(i, "kernel", 4, 4)) return false;
  const Shape kernel = call.shape(i);
  out.side = kernel[0];
  out.before = paddingBefore(out.side);
  if (out.side == 0) call.fail(kInvalidArgument, "kernel has no rows");
  return call.expectShape(i, "kernel", {out.side, out.side, out.channels, 1});
}

// x, kernel, bias
void computeDepthwise(void*, TF_OpKernelContext* context) {
  Call call(context);
  Depthwise d;
  long batch;
  if (!readImages(call, "x", d, batch) || !readKernel(call, 1, d) ||
      !call.expectShape(2, "bias", {d.channels})) {
    return;
  }
  float* y = call.output(0, call.shape(0));
  call.run([&](const Runtime& run) {
    depthwise(run, batch, d, call.input(0), call.input(1), false, call.input(2), nullptr, y);
    return size_t{0};
  });
}

// dy, kernel, other: the gradient of x, plus other
void computeDepthwiseInputGradient(void*, TF_OpKernelContext* context) {
  Call call(context);
  Depthwise d;
  long batch;
  if (!readImages(call, "dy", d, batch) || !readKernel(call, 1, d) ||
      !call.expectShape(2, "other", call.shape(0))) {
    return;
  }
  // What came before the image of y comes after that of x.
  d.before = d.side - 1 - d.before;
  float* dx = call.output(0, call.shape(0));
  call.run([&](const Runtime& run) {
    depthwise(run, batch, d, call.input(0), call.input(1), true, nullptr, call.input(2), dx);
    return size_t{0};
  });
}

// x, dy, kernel, of which only the shape counts: the gradients of kernel and bias
void computeDepthwiseKernelGradient(void*, TF_OpKernelContext* context) {
  Call call(context);
  Depthwise d;
  long batch;
  if (!readImages(call, "x", d, batch) || !call.expectShape(1, "dy", call.shape(0)) ||
      !readKernel(call, 2, d)) {
    return;
  }
  float* dKernel = call.output(0, call.shape(2));
  float* dBias = call.output(1, {d.channels});
  call.run([&](const Runtime& run) {
    return depthwiseKernelGradient(run, batch, d, call.input(0), call.input(1), dKernel, dBias);
  });
}

}  // namespace

std::vector<Operation> blockOperations() {
  const std::vector<const char*> weights = {"gamma",          "beta",         "expand_kernel", "expand_bias",
                                            "project_kernel", "project_bias", "layer_scale"};
  const auto with = [&](std::vector<const char*> first, std::vector<const char*> last) {
    first.insert(first.end(), weights.begin(), weights.end());
    first.insert(first.end(), last.begin(), last.end());
    return first;
  };
  const auto gradients = std::vector<const char*>{
      "du", "dgamma", "dbeta", "dexpand_kernel", "dexpand_bias", "dproject_kernel", "dproject_bias", "dlayer_scale"};
  return {
      {"RevColResidualMlp", with({"u", "residual"}, {}), {"y"}, true, computeMlp},
      {"RevColResidualMlpSurvival", with({"u", "residual"}, {"survival"}), {"y"}, true, computeMlp},
      {"RevColResidualMlpGrad", with({"u", "dy"}, {}), gradients, true, computeMlpGradient},
      {"RevColResidualMlpGradSurvival", with({"u", "dy"}, {"survival"}), gradients, true,
       computeMlpGradient},
      {"RevColDepthwise", {"x", "kernel", "bias"}, {"y"}, false, computeDepthwise},
      {"RevColDepthwiseInputGrad", {"dy", "kernel", "other"}, {"dx"}, false,
       computeDepthwiseInputGradient},
      {"RevColDepthwiseKernelGrad", {"x", "dy", "kernel"}, {"dkernel", "dbias"}, false,
       computeDepthwiseKernelGradient},
  };
}

}  // namespace revcol
