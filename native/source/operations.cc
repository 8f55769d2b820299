// Between TensorFlow and what computes: checks inputs, allocates outputs, tells of failures.
#include "operations.h"

#include <algorithm>
#include <mutex>
#include <vector>

#include "depthwise.h"
#include "residual_mlp.h"
#include "tensorflow.h"

namespace revcol {

namespace {

// ---- What is chosen ----

// Operations run one at a time: each uses all threads, and they share scratch memory.
std::mutex running;

struct Choice {
  const Compute* compute;
  ThreadPool* pool;
};

std::vector<const Compute*> available() {
  std::vector<const Compute*> sets;
#if defined(__x86_64__)
  __builtin_cpu_init();
  const bool hasAvx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
  if (hasAvx2 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") &&
      __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512bw")) {
    sets.push_back(&avx512::compute);
  }
  if (hasAvx2) sets.push_back(&avx2::compute);
#endif
  sets.push_back(&plain::compute);
  return sets;
}

Choice& chosen() {
  // Never freed: threads of the pool may wait in it when the process ends.
  static Choice* choice = new Choice{available().front(), new ThreadPool(defaultThreads())};
  return *choice;
}

// ---- One call of an operation ----

using Shape = std::vector<int64_t>;

std::string inWords(const Shape& shape) {
  std::string text = "[";
  for (size_t i = 0; i < shape.size(); i++) {
    text += (i > 0 ? "," : "") + std::to_string(shape[i]);
  }
  return text + "]";
}

// Inputs and outputs of a call. The first failure stays, and is told to TensorFlow at the end.
class Call {
 public:
  explicit Call(TF_OpKernelContext* context)
      : context_(context), status_(tensorflow.TF_NewStatus()) {
    const int count = tensorflow.TF_NumInputs(context);
    for (int i = 0; i < count && isFine(); i++) {
      TF_Tensor* tensor = nullptr;
      tensorflow.TF_GetInput(context, i, &tensor, status_);
      inputs_.push_back(tensor);
    }
  }
  ~Call() {
    if (!isFine()) tensorflow.TF_OpKernelContext_Failure(context_, status_);
    for (const auto* tensors : {&inputs_, &outputs_}) {
      for (TF_Tensor* tensor : *tensors) {
        if (tensor != nullptr) tensorflow.TF_DeleteTensor(tensor);
      }
    }
    tensorflow.TF_DeleteStatus(status_);
  }
  Call(const Call&) = delete;
  Call& operator=(const Call&) = delete;

  bool isFine() const { return tensorflow.TF_GetCode(status_) == kOk; }

  int inputs() const { return static_cast<int>(inputs_.size()); }

  Shape shape(int i) const {
    Shape shape;
    for (int d = 0; d < tensorflow.TF_NumDims(inputs_[i]); d++) {
      shape.push_back(tensorflow.TF_Dim(inputs_[i], d));
    }
    return shape;
  }

  const float* input(int i) const {
    return static_cast<const float*>(tensorflow.TF_TensorData(inputs_[i]));
  }

  void fail(int code, const std::string& message) {
    if (isFine()) tensorflow.TF_SetStatus(status_, code, message.c_str());
  }

  bool expectShape(int i, const char* name, const Shape& expected) {
    if (isFine() && shape(i) != expected) {
      fail(kInvalidArgument, std::string(name) + " must have shape " + inWords(expected) +
                                 ", but has " + inWords(shape(i)));
    }
    return isFine();
  }

  bool expectRank(int i, const char* name, size_t least, size_t most) {
    if (!isFine()) return false;
    const size_t rank = shape(i).size();
    if (rank < least || rank > most) {
      fail(kInvalidArgument,
           std::string(name) + " has shape " + inWords(shape(i)) + ", which has " +
               (rank < least ? "too few" : "too many") + " axes");
    }
    return isFine();
  }

  float* output(int i, const Shape& shape) {
    if (!isFine()) return nullptr;
    size_t bytes = sizeof(float);
    for (int64_t size : shape) bytes *= size;
    TF_Tensor* tensor =
        tensorflow.TF_AllocateOutput(context_, i, kFloat, shape.data(),
                                     static_cast<int>(shape.size()), bytes, status_);
    outputs_.push_back(tensor);
    return isFine() ? static_cast<float*>(tensorflow.TF_TensorData(tensor)) : nullptr;
  }

  // Runs `compute`, which gives the bytes of scratch memory that it could not have.
  template <class F>
  void run(const F& compute) {
    if (!isFine()) return;
    std::lock_guard<std::mutex> lock(running);
    const size_t missing = compute(Runtime{*chosen().compute, *chosen().pool});
    if (missing > 0) {
      fail(kResourceExhausted, std::to_string(missing) + " bytes of scratch memory are not to be had");
    }
  }

 private:
  TF_OpKernelContext* context_;
  TF_Status* status_;
  std::vector<TF_Tensor*> inputs_, outputs_;
};

constexpr size_t kAnyRank = 254;

// The product of all sizes but the last.
long rowsOf(const Shape& shape) {
  long rows = 1;
  for (size_t i = 0; i + 1 < shape.size(); i++) rows *= shape[i];
  return rows;
}

// ---- RevColResidualMlp and its gradient ----

// What a kernel is made with.
struct Attributes {
  float epsilon;
};

void* readEpsilon(TF_OpKernelConstruction* construction) {
  auto* attributes = new Attributes{0};
  TF_Status* status = tensorflow.TF_NewStatus();
  tensorflow.TF_OpKernelConstruction_GetAttrFloat(construction, "epsilon", &attributes->epsilon,
                                                  status);
  if (tensorflow.TF_GetCode(status) != kOk) {
    tensorflow.TF_OpKernelConstruction_Failure(construction, status);
  }
  tensorflow.TF_DeleteStatus(status);
  return attributes;
}

void forget(void* attributes) { delete static_cast<Attributes*>(attributes); }

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

// ---- RevColLayerNorm and RevColGelu, with their gradients ----

// Pieces of work small enough to be shared well, and large enough to be worth it.
constexpr long kPiece = 4096;

void computeLayerNorm(void* attributes, TF_OpKernelContext* context) {
  Call call(context);
  if (!call.expectRank(0, "x", 1, kAnyRank)) return;
  const Shape x = call.shape(0);
  Shape scales = x;
  scales.back() = 1;
  const long rows = rowsOf(x), n = x.back();
  const float epsilon = static_cast<Attributes*>(attributes)->epsilon;
  float* xhat = call.output(0, x);
  float* rstd = call.output(1, scales);
  call.run([&](const Runtime& run) {
    run.overRows(rows, [&](long from, long end, int) {
      for (long r = from; r < end; r++) {
        float stats[2] = {0, 0};
        if (n > 0) {
          run.compute.normalize(call.input(0) + r * n, n, epsilon, nullptr, nullptr, xhat + r * n,
                                stats);
        }
        rstd[r] = stats[1];
      }
    });
    return size_t{0};
  });
}

// dy, xhat, rstd
void computeLayerNormGradient(void*, TF_OpKernelContext* context) {
  Call call(context);
  if (!call.expectRank(0, "dy", 1, kAnyRank)) return;
  const Shape dy = call.shape(0);
  Shape scales = dy;
  scales.back() = 1;
  if (!call.expectShape(1, "xhat", dy) || !call.expectShape(2, "rstd", scales)) return;
  const long rows = rowsOf(dy), n = dy.back();
  float* dx = call.output(0, dy);
  call.run([&](const Runtime& run) {
    run.overRows(n > 0 ? rows : 0, [&](long from, long end, int) {
      for (long r = from; r < end; r++) {
        run.compute.xhatGradient(call.input(0) + r * n, call.input(1) + r * n, call.input(2)[r], n,
                                 dx + r * n);
      }
    });
    return size_t{0};
  });
}

// x, and for the gradient dy
void computeGelu(void*, TF_OpKernelContext* context) {
  Call call(context);
  if (!call.isFine()) return;
  const Shape x = call.shape(0);
  const bool isGradient = call.inputs() == 2;
  if (isGradient && !call.expectShape(1, "dy", x)) return;
  long n = 1;
  for (int64_t size : x) n *= size;
  float* y = call.output(0, x);
  call.run([&](const Runtime& run) {
    run.pool.run((n + kPiece - 1) / kPiece, [&](long piece, int) {
      const long from = piece * kPiece, count = std::min(kPiece, n - from);
      const float* at = call.input(0) + from;
      if (isGradient) {
        run.compute.geluGradient(at, call.input(1) + from, count, y + from);
      } else {
        run.compute.gelu(at, count, y + from);
      }
    });
    return size_t{0};
  });
}

// ---- RevColAdamWStep ----

// weight, gradient, m, v, and the factors. Those are a tensor, because they change with every step:
// TensorFlow keeps a kernel for each value of an attribute.
void computeAdamw(void*, TF_OpKernelContext* context) {
  Call call(context);
  if (!call.isFine()) return;
  const Shape shape = call.shape(0);
  if (!call.expectShape(1, "gradient", shape) || !call.expectShape(2, "m", shape) ||
      !call.expectShape(3, "v", shape) || !call.expectShape(4, "factors", {7})) {
    return;
  }
  long n = 1;
  for (int64_t size : shape) n *= size;
  AdamwStep step = {call.input(0), call.input(1), call.input(2), call.input(3)};
  step.updated = call.output(0, shape);
  step.newM = call.output(1, shape);
  step.newV = call.output(2, shape);
  call.run([&](const Runtime& run) {
    const float* f = call.input(4);
    const AdamwFactors factors = {f[0], f[1], f[2], f[3], f[4], f[5], f[6]};
    run.pool.run((n + kPiece - 1) / kPiece, [&](long piece, int) {
      run.compute.adamw(factors, step, piece * kPiece, std::min(n, (piece + 1) * kPiece));
    });
    return size_t{0};
  });
}

// ---- Registration ----

void unknownShape(TF_ShapeInferenceContext* context, TF_Status* status) {
  // Operations are only called eagerly, where nobody asks for shapes beforehand.
  tensorflow.TF_ShapeInferenceContextSetUnknownShape(context, status);
}

struct Operation {
  const char* name;
  std::vector<const char*> inputs, outputs;
  bool hasEpsilon;
  void (*compute)(void*, TF_OpKernelContext*);
};

std::vector<Operation> operations() {
  const std::vector<const char*> weights = {"gamma",         "beta",        "expand_kernel", "expand_bias",
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
      {"RevColAdamWStep", {"weight", "gradient", "m", "v", "factors"}, {"updated", "new_m", "new_v"}, false,
       computeAdamw},
      {"RevColLayerNorm", {"x"}, {"xhat", "rstd"}, true, computeLayerNorm},
      {"RevColLayerNormGrad", {"dy", "xhat", "rstd"}, {"dx"}, false, computeLayerNormGradient},
      {"RevColGelu", {"x"}, {"y"}, false, computeGelu},
      {"RevColGeluGrad", {"x", "dy"}, {"dx"}, false, computeGelu},
      {"RevColDepthwise", {"x", "kernel", "bias"}, {"y"}, false, computeDepthwise},
      {"RevColDepthwiseInputGrad", {"dy", "kernel", "other"}, {"dx"}, false,
       computeDepthwiseInputGradient},
      {"RevColDepthwiseKernelGrad", {"x", "dy", "kernel"}, {"dkernel", "dbias"}, false,
       computeDepthwiseKernelGradient},
  };
}

std::string add(const Operation& operation) {
  auto* builder = tensorflow.TF_NewOpDefinitionBuilder(operation.name);
  for (const char* input : operation.inputs) {
    tensorflow.TF_OpDefinitionBuilderAddInput(builder, (std::string(input) + ": float").c_str());
  }
  for (const char* output : operation.outputs) {
    tensorflow.TF_OpDefinitionBuilderAddOutput(builder, (std::string(output) + ": float").c_str());
  }
  if (operation.hasEpsilon) tensorflow.TF_OpDefinitionBuilderAddAttr(builder, "epsilon: float");
  tensorflow.TF_OpDefinitionBuilderSetShapeInferenceFunction(builder, unknownShape);
  TF_Status* status = tensorflow.TF_NewStatus();
  tensorflow.TF_RegisterOpDefinition(builder, status);
  if (tensorflow.TF_GetCode(status) == kOk) {
    auto* kernel = tensorflow.TF_NewKernelBuilder(
        operation.name, "CPU", operation.hasEpsilon ? readEpsilon : nullptr, operation.compute,
        operation.hasEpsilon ? forget : nullptr);
    tensorflow.TF_RegisterKernelBuilder(operation.name, kernel, status);
  }
  const std::string failure =
      tensorflow.TF_GetCode(status) == kOk ? "" : tensorflow.TF_Message(status);
  tensorflow.TF_DeleteStatus(status);
  return failure;
}

}  // namespace

std::string registerOperations() {
  std::lock_guard<std::mutex> lock(running);
  static bool isDone = false;
  static std::string failure;
  if (isDone) return failure;
  const std::string missing = findTensorflow();
  if (!missing.empty()) return missing;
  // From here on it cannot be tried again: TensorFlow knows some of the operations.
  isDone = true;
  for (const Operation& operation : operations()) {
    failure = add(operation);
    if (!failure.empty()) break;
  }
  return failure;
}

const char* const* instructionSets() {
  static std::vector<const char*> names = [] {
    std::vector<const char*> list;
    for (const Compute* set : available()) list.push_back(set->name);
    list.push_back(nullptr);
    return list;
  }();
  return names.data();
}

bool choose(const std::string& instructions, int threads) {
  std::lock_guard<std::mutex> lock(running);
  if (!instructions.empty()) {
    const Compute* wanted = nullptr;
    for (const Compute* set : available()) {
      if (instructions == set->name) wanted = set;
    }
    if (wanted == nullptr) return false;
    chosen().compute = wanted;
  }
  if (threads > 0) chosen().pool->resize(threads);
  return true;
}

const char* chosenInstructions() { return chosen().compute->name; }
int chosenThreads() { return chosen().pool->size(); }

}  // namespace revcol
