// What TensorFlow calls of attention.
#include <cmath>

#include "attention.h"
#include "call.h"

namespace revcol {

namespace {

// Of the settings: the number of heads, the scale of scores, and up to which key after its own number a query
// sees. They are a tensor, because the last changes with every token that is generated: TensorFlow keeps a kernel
// for each value of an attribute.
constexpr size_t kSettings = 3;

// Inputs 0 to 2 are query, key and value; the bias, where it is there, and the settings come last.
bool readAttention(Call& call, int fixed, Attention& out) {
  for (int i = 0; i < 3; i++) {
    static const char* const kNames[] = {"query", "key", "value"};
    if (!call.expectRank(i, kNames[i], 3, 3)) return false;
  }
  const int last = call.inputs() - 1;
  const bool hasBias = last > fixed;
  const Shape query = call.shape(0), key = call.shape(1), value = call.shape(2);
  double settings[kSettings];
  if (!call.readNumbers(last, "settings", settings) ||
      !call.expectShape(1, "key", {query[0], key[1], query[2]}) ||
      !call.expectShape(2, "value", {query[0], key[1], value[2]}) ||
      (hasBias && !call.expectShape(last - 1, "bias", {query[0], key[1]}))) {
    return false;
  }
  const long heads = toSize(settings[0]);
  if (sizeOf(query) == 0 || sizeOf(key) == 0 || sizeOf(value) == 0 || heads < 1 || query[2] % heads != 0 ||
      value[2] % heads != 0) {
    call.fail(kInvalidArgument, "query, key and value must not be empty, and their widths multiples of the heads");
    return false;
  }
  out.batch = query[0];
  out.queries = query[1];
  out.keys = key[1];
  out.heads = heads;
  out.depth = query[2] / heads;
  out.valueDepth = value[2] / heads;
  out.scale = static_cast<float>(settings[1]);
  // What is beyond all keys, or before all queries, makes no further difference.
  const double offset = settings[2];
  out.offset = offset >= out.keys ? out.keys : offset <= -out.queries ? -out.queries : std::lround(offset);
  out.query = call.input(0);
  out.key = call.input(1);
  out.value = call.input(2);
  out.bias = hasBias ? call.input(last - 1) : nullptr;
  return true;
}

Shape outputShape(const Call& call) {
  const Shape query = call.shape(0);
  return {query[0], query[1], call.shape(2)[2]};
}

// query, key, value, perhaps bias, settings
void computeAttention(void*, TF_OpKernelContext* context) {
  Call call(context);
  Attention a;
  if (!readAttention(call, 3, a)) return;
  float* y = call.output(0, outputShape(call));
  call.run([&](const Runtime& run) { return attention(run, a, y); });
}

// query, key, value, output, dOutput, perhaps bias, settings
void computeAttentionGradient(void*, TF_OpKernelContext* context) {
  Call call(context);
  Attention a;
  if (!readAttention(call, 5, a)) return;
  const Shape output = outputShape(call);
  if (!call.expectShape(3, "output", output) || !call.expectShape(4, "dOutput", output)) return;
  float* dQuery = call.output(0, call.shape(0));
  float* dKey = call.output(1, call.shape(1));
  float* dValue = call.output(2, call.shape(2));
  call.run([&](const Runtime& run) {
    return attentionGradient(run, a, call.input(3), call.input(4), dQuery, dKey, dValue);
  });
}

}  // namespace

std::vector<Operation> attentionOperations() {
  const std::vector<const char*> gradients = {"dquery", "dkey", "dvalue"};
  return {
      {"RevColAttentionForward", {"query", "key", "value", "settings: int32"}, {"y"}, false, computeAttention},
      {"RevColAttentionForwardBias", {"query", "key", "value", "bias", "settings: int32"}, {"y"}, false, computeAttention},
      {"RevColAttentionGrad",
       {"query", "key", "value", "output", "doutput", "settings: int32"},
       gradients,
       false,
       computeAttentionGradient},
      {"RevColAttentionGradBias",
       {"query", "key", "value", "output", "doutput", "bias", "settings: int32"},
       gradients,
       false,
       computeAttentionGradient},
  };
}

}  // namespace revcol
