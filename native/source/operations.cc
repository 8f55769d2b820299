// Adds the operations to TensorFlow.
#include "operations.h"

#include <mutex>
#include <string_view>

#include "call.h"

namespace revcol {

namespace {

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

void unknownShape(TF_ShapeInferenceContext* context, TF_Status* status) {
  // Operations are only called eagerly, where nobody asks for shapes beforehand.
  tensorflow.TF_ShapeInferenceContextSetUnknownShape(context, status);
}

std::string typed(const std::string& argument) {
  return argument.find(':') == std::string::npos ? argument + ": float" : argument;
}

std::vector<Operation> operations() {
  std::vector<Operation> all;
  for (const auto& some : {blockOperations(), rowOperations(), levelOperations(), linearOperations(),
                           attentionOperations(), optimizerOperations()}) {
    all.insert(all.end(), some.begin(), some.end());
  }
  return all;
}

// Whether TensorFlow has an operation of that name, which it does not take twice: the process would end.
bool isKnown(const std::string& name) {
  TF_Buffer* list = tensorflow.TF_GetAllOpList();
  if (list == nullptr) return false;
  const std::string_view all(static_cast<const char*>(list->data), list->length);
  const bool isThere = all.find(name) != std::string_view::npos;
  tensorflow.TF_DeleteBuffer(list);
  return isThere;
}

std::string add(const Operation& operation) {
  auto* builder = tensorflow.TF_NewOpDefinitionBuilder(operation.name.c_str());
  for (const char* input : operation.inputs) {
    tensorflow.TF_OpDefinitionBuilderAddInput(builder, typed(input).c_str());
  }
  for (const char* output : operation.outputs) {
    tensorflow.TF_OpDefinitionBuilderAddOutput(builder, typed(output).c_str());
  }
  if (operation.hasEpsilon) tensorflow.TF_OpDefinitionBuilderAddAttr(builder, "epsilon: float");
  tensorflow.TF_OpDefinitionBuilderSetShapeInferenceFunction(builder, unknownShape);
  TF_Status* status = tensorflow.TF_NewStatus();
  tensorflow.TF_RegisterOpDefinition(builder, status);
  if (tensorflow.TF_GetCode(status) == kOk) {
    auto* kernel = tensorflow.TF_NewKernelBuilder(
        operation.name.c_str(), "CPU", operation.hasEpsilon ? readEpsilon : nullptr, operation.compute,
        operation.hasEpsilon ? forget : nullptr);
    tensorflow.TF_RegisterKernelBuilder(operation.name.c_str(), kernel, status);
  }
  const std::string failure =
      tensorflow.TF_GetCode(status) == kOk ? "" : tensorflow.TF_Message(status);
  tensorflow.TF_DeleteStatus(status);
  return failure;
}

}  // namespace

std::string registerOperations() {
  static std::mutex registering;
  std::lock_guard<std::mutex> lock(registering);
  static bool isDone = false;
  static std::string failure;
  if (isDone) return failure;
  const std::string missing = findTensorflow();
  if (!missing.empty()) return missing;
  if (isKnown(operations().front().name)) {
    return "another copy of this library is loaded in this process, and TensorFlow takes its operations once";
  }
  // From here on it cannot be tried again: TensorFlow knows some of the operations.
  isDone = true;
  for (const Operation& operation : operations()) {
    failure = add(operation);
    if (!failure.empty()) break;
  }
  return failure;
}

}  // namespace revcol
