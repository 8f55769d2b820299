// One call of an operation: what TensorFlow gives, checked, and what it gets; how an operation is described.
#pragma once
#include <cstdint>
#include <cstring>
#include <string>
#include <vector>

#include "runtime.h"
#include "tensorflow.h"

namespace revcol {

using Shape = std::vector<int64_t>;

constexpr size_t kAnyRank = 254;

// Numbers of a piece of work that is small enough to be shared well, and large enough to be worth it.
constexpr long kPiece = 4096;

// The product of all sizes but the last.
long rowsOf(const Shape&);

// The product of all sizes.
long sizeOf(const Shape&);

// A size that came as a number; -1 where that is none, or less than 0.
int64_t toSize(double);

// Calls compute with what was chosen (`choose`) while no other operation runs: each uses all threads, and they
// share scratch memory.
class Turn {
 public:
  Turn();
  ~Turn();
  Turn(const Turn&) = delete;
  Turn& operator=(const Turn&) = delete;

  Runtime runtime() const;
};

// Inputs and outputs of a call. The first failure stays, and is told to TensorFlow at the end.
class Call {
 public:
  explicit Call(TF_OpKernelContext*);
  ~Call();
  Call(const Call&) = delete;
  Call& operator=(const Call&) = delete;

  bool isFine() const { return tensorflow.TF_GetCode(status_) == kOk; }

  int inputs() const { return static_cast<int>(inputs_.size()); }

  Shape shape(int i) const;

  template <class T = float>
  const T* input(int i) const {
    return static_cast<const T*>(tensorflow.TF_TensorData(inputs_[i]));
  }

  void fail(int code, const std::string& message);
  bool expectShape(int i, const char* name, const Shape& expected);
  bool expectRank(int i, const char* name, size_t least, size_t most);

  // Copies numbers that change from call to call. They come as JavaScript has them, float64, each as two int32.
  template <size_t N>
  bool readNumbers(int i, const char* name, double (&out)[N]) {
    if (!expectShape(i, name, {2 * static_cast<int64_t>(N)})) return false;
    std::memcpy(out, tensorflow.TF_TensorData(inputs_[i]), sizeof out);
    return true;
  }

  // Null where something has failed, now or before.
  float* output(int i, const Shape& shape) {
    return static_cast<float*>(allocate(i, shape, kFloat, sizeof(float)));
  }
  unsigned char* bytesOutput(int i, const Shape& shape) {
    return static_cast<unsigned char*>(allocate(i, shape, kBool, 1));
  }

  // Runs `compute`, which gives the bytes of scratch memory that it could not have.
  template <class F>
  void run(const F& compute) {
    if (!isFine()) return;
    Turn turn;
    const size_t missing = compute(turn.runtime());
    if (missing > 0) {
      fail(kResourceExhausted, std::to_string(missing) + " bytes of scratch memory are not to be had");
    }
  }

 private:
  void* allocate(int i, const Shape& shape, int type, size_t bytes);

  TF_OpKernelContext* context_;
  TF_Status* status_;
  std::vector<TF_Tensor*> inputs_, outputs_;
};

// What a kernel is made with.
struct Attributes {
  float epsilon;
};

// What TensorFlow is told of an operation. Inputs and outputs are floats but those whose names are followed by
// another type, as in "m: bool".
struct Operation {
  std::string name;
  std::vector<const char*> inputs, outputs;
  // Whether it has the attribute epsilon.
  bool hasEpsilon;
  // The first argument is a pointer to `Attributes` where there are any.
  void (*compute)(void*, TF_OpKernelContext*);
};

// All operations, by file.
std::vector<Operation> blockOperations();
std::vector<Operation> rowOperations();
std::vector<Operation> attentionOperations();
std::vector<Operation> levelOperations();
std::vector<Operation> linearOperations();
std::vector<Operation> optimizerOperations();

}  // namespace revcol
