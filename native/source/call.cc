// Checks inputs, allocates outputs, tells of failures; and what computes.
#include "call.h"

#include <cmath>
#include <mutex>

#include "operations.h"

namespace revcol {

namespace {

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

std::string inWords(const Shape& shape) {
  std::string text = "[";
  for (size_t i = 0; i < shape.size(); i++) {
    text += (i > 0 ? "," : "") + std::to_string(shape[i]);
  }
  return text + "]";
}

}  // namespace

Turn::Turn() { running.lock(); }
Turn::~Turn() { running.unlock(); }
Runtime Turn::runtime() const { return {*chosen().compute, *chosen().pool}; }

long rowsOf(const Shape& shape) {
  long rows = 1;
  for (size_t i = 0; i + 1 < shape.size(); i++) rows *= shape[i];
  return rows;
}

long sizeOf(const Shape& shape) {
  long size = 1;
  for (int64_t n : shape) size *= n;
  return size;
}

int64_t toSize(double number) {
  // What float64 holds without a gap; no tensor has so many numbers.
  constexpr double kMost = 9007199254740992.0;
  const bool isSize = number >= 0 && number <= kMost && number == std::floor(number);
  return isSize ? static_cast<int64_t>(number) : -1;
}

Call::Call(TF_OpKernelContext* context) : context_(context), status_(tensorflow.TF_NewStatus()) {
  const int count = tensorflow.TF_NumInputs(context);
  for (int i = 0; i < count && isFine(); i++) {
    TF_Tensor* tensor = nullptr;
    tensorflow.TF_GetInput(context, i, &tensor, status_);
    inputs_.push_back(tensor);
  }
}

Call::~Call() {
  if (!isFine()) tensorflow.TF_OpKernelContext_Failure(context_, status_);
  for (const auto* tensors : {&inputs_, &outputs_}) {
    for (TF_Tensor* tensor : *tensors) {
      if (tensor != nullptr) tensorflow.TF_DeleteTensor(tensor);
    }
  }
  tensorflow.TF_DeleteStatus(status_);
}

Shape Call::shape(int i) const {
  Shape shape;
  for (int d = 0; d < tensorflow.TF_NumDims(inputs_[i]); d++) {
    shape.push_back(tensorflow.TF_Dim(inputs_[i], d));
  }
  return shape;
}

void Call::fail(int code, const std::string& message) {
  if (isFine()) tensorflow.TF_SetStatus(status_, code, message.c_str());
}

bool Call::expectShape(int i, const char* name, const Shape& expected) {
  if (isFine() && shape(i) != expected) {
    fail(kInvalidArgument, std::string(name) + " must have shape " + inWords(expected) +
                               ", but has " + inWords(shape(i)));
  }
  return isFine();
}

bool Call::expectRank(int i, const char* name, size_t least, size_t most) {
  if (!isFine()) return false;
  const size_t rank = shape(i).size();
  if (rank < least || rank > most) {
    fail(kInvalidArgument,
         std::string(name) + " has shape " + inWords(shape(i)) + ", which has " +
             (rank < least ? "too few" : "too many") + " axes");
  }
  return isFine();
}

void* Call::allocate(int i, const Shape& shape, int type, size_t bytes) {
  if (!isFine()) return nullptr;
  TF_Tensor* tensor = tensorflow.TF_AllocateOutput(context_, i, type, shape.data(),
                                                   static_cast<int>(shape.size()),
                                                   bytes * sizeOf(shape), status_);
  outputs_.push_back(tensor);
  return isFine() ? tensorflow.TF_TensorData(tensor) : nullptr;
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
