// What TensorFlow calls of optimizers: steps of AdamW.
#include <algorithm>
#include <iterator>

#include "call.h"

namespace revcol {

namespace {

constexpr size_t kFactors = 7;

// In the order in which both kernels are given them.
AdamwFactors factorsOf(const double (&given)[kFactors]) {
  float f[kFactors];
  std::copy(std::begin(given), std::end(given), f);
  return {f[0], f[1], f[2], f[3], f[4], f[5], f[6]};
}

// weight, gradient, m, v, and the factors. Those are a tensor, because they change with every step:
// TensorFlow keeps a kernel for each value of an attribute.
void computeAdamw(void*, TF_OpKernelContext* context) {
  Call call(context);
  if (!call.isFine()) return;
  const Shape shape = call.shape(0);
  double given[kFactors];
  if (!call.expectShape(1, "gradient", shape) || !call.expectShape(2, "m", shape) ||
      !call.expectShape(3, "v", shape) || !call.readNumbers(4, "factors", given)) {
    return;
  }
  const long n = sizeOf(shape);
  AdamwStep step = {call.input(0), call.input(1), call.input(2), call.input(3)};
  step.updated = call.output(0, shape);
  step.newM = call.output(1, shape);
  step.newV = call.output(2, shape);
  call.run([&](const Runtime& run) {
    const AdamwFactors factors = factorsOf(given);
    run.pool.run((n + kPiece - 1) / kPiece, [&](long piece, int) {
      run.compute.adamw(factors, step, piece * kPiece, std::min(n, (piece + 1) * kPiece));
    });
    return size_t{0};
  });
}

// ---- Moments of eight bits ----

// Numbers of the tables before their last parts, which are bytes.
constexpr long kTableFloats = 4 * kCodes;
constexpr int64_t kTableBytes = kTableFloats * sizeof(float) + 2 * kStretches;

// weight, gradient, m, mScale, v, vScale, the factors, and the tables: values and middles of signed codes, the
// same of unsigned ones, then the lowest codes of both
void computeAdamw8bit(void*, TF_OpKernelContext* context) {
  Call call(context);
  if (!call.isFine()) return;
  const Shape shape = call.shape(0);
  Adamw8bitStep step;
  step.count = sizeOf(shape);
  const long blocks = (step.count + kMomentsBlock - 1) / kMomentsBlock;
  const Shape scales = {blocks};
  double given[kFactors];
  if (!call.expectShape(1, "gradient", shape) || !call.expectShape(2, "m", shape) ||
      !call.expectShape(3, "mScale", scales) || !call.expectShape(4, "v", shape) ||
      !call.expectShape(5, "vScale", scales) || !call.readNumbers(6, "factors", given) ||
      !call.expectShape(7, "tables", {kTableBytes})) {
    return;
  }
  step.weight = call.input(0);
  step.gradient = call.input(1);
  step.m = call.input<unsigned char>(2);
  step.mScale = call.input(3);
  step.v = call.input<unsigned char>(4);
  step.vScale = call.input(5);
  step.updated = call.output(0, shape);
  step.newM = call.bytesOutput(1, shape);
  step.newMScale = call.output(2, scales);
  step.newV = call.bytesOutput(3, shape);
  step.newVScale = call.output(4, scales);
  const float* numbers = call.input(7);
  const auto* bytes = reinterpret_cast<const unsigned char*>(numbers + kTableFloats);
  step.signedCodes = {numbers, numbers + kCodes, bytes};
  step.unsignedCodes = {numbers + 2 * kCodes, numbers + 3 * kCodes, bytes + kStretches};
  call.run([&](const Runtime& run) {
    const WithDenormals with;
    const AdamwFactors factors = factorsOf(given);
    constexpr long kBlocks = kPiece / kMomentsBlock;
    run.pool.run((blocks + kBlocks - 1) / kBlocks, [&](long piece, int) {
      run.compute.adamw8bit(factors, step, piece * kBlocks, std::min(blocks, (piece + 1) * kBlocks));
    });
    return size_t{0};
  });
}

}  // namespace

std::vector<Operation> optimizerOperations() {
  return {
      {"RevColAdamWStep",
       {"weight", "gradient", "m", "v", "factors: int32"},
       {"updated", "new_m", "new_v"},
       false,
       computeAdamw},
      {"RevColAdamW8bit",
       {"weight", "gradient", "m: bool", "m_scale", "v: bool", "v_scale", "factors: int32", "tables: bool"},
       {"updated", "new_m: bool", "new_m_scale", "new_v: bool", "new_v_scale"},
       false,
       computeAdamw8bit},
  };
}

}  // namespace revcol
