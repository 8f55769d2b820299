// The part of TensorFlow's C interface for kernels that this library calls, declared here because it is
// built without TensorFlow's headers (tensorflow/c/{c_api,kernels,ops,tf_status,tf_tensor}.h). Nothing is linked:
// each function is looked up in the TensorFlow that the process has loaded, so that one binary serves all
// versions that have them.
#pragma once
#include <cstddef>
#include <cstdint>
#include <string>

// As TensorFlow has it (tf_buffer.h).
struct TF_Buffer {
  const void* data;
  size_t length;
  void (*data_deallocator)(void* data, size_t length);
};
struct TF_KernelBuilder;
struct TF_OpDefinitionBuilder;
struct TF_OpKernelConstruction;
struct TF_OpKernelContext;
struct TF_ShapeInferenceContext;
struct TF_Status;
struct TF_Tensor;

namespace revcol {

// Values of TF_Code and TF_DataType.
constexpr int kOk = 0, kInvalidArgument = 3, kResourceExhausted = 8, kFloat = 1, kBool = 10;

// F(name, type of the result, types of the arguments) for each function.
#define REVCOL_TENSORFLOW_FUNCTIONS(F)                                                             \
  F(TF_NewStatus, TF_Status*, ())                                                                  \
  F(TF_DeleteStatus, void, (TF_Status*))                                                           \
  F(TF_SetStatus, void, (TF_Status*, int, const char*))                                            \
  F(TF_GetCode, int, (const TF_Status*))                                                           \
  F(TF_Message, const char*, (const TF_Status*))                                                   \
  F(TF_DeleteTensor, void, (TF_Tensor*))                                                           \
  F(TF_NumDims, int, (const TF_Tensor*))                                                           \
  F(TF_Dim, int64_t, (const TF_Tensor*, int))                                                      \
  F(TF_TensorData, void*, (const TF_Tensor*))                                                      \
  F(TF_NewOpDefinitionBuilder, TF_OpDefinitionBuilder*, (const char*))                             \
  F(TF_OpDefinitionBuilderAddAttr, void, (TF_OpDefinitionBuilder*, const char*))                   \
  F(TF_OpDefinitionBuilderAddInput, void, (TF_OpDefinitionBuilder*, const char*))                  \
  F(TF_OpDefinitionBuilderAddOutput, void, (TF_OpDefinitionBuilder*, const char*))                 \
  F(TF_OpDefinitionBuilderSetShapeInferenceFunction, void,                                         \
    (TF_OpDefinitionBuilder*, void (*)(TF_ShapeInferenceContext*, TF_Status*)))                    \
  F(TF_ShapeInferenceContextSetUnknownShape, void, (TF_ShapeInferenceContext*, TF_Status*))        \
  F(TF_GetAllOpList, TF_Buffer*, ())                                                               \
  F(TF_DeleteBuffer, void, (TF_Buffer*))                                                           \
  F(TF_RegisterOpDefinition, void, (TF_OpDefinitionBuilder*, TF_Status*))                          \
  F(TF_NewKernelBuilder, TF_KernelBuilder*,                                                        \
    (const char*, const char*, void* (*)(TF_OpKernelConstruction*),                                \
     void (*)(void*, TF_OpKernelContext*), void (*)(void*)))                                       \
  F(TF_RegisterKernelBuilder, void, (const char*, TF_KernelBuilder*, TF_Status*))                  \
  F(TF_OpKernelConstruction_GetAttrFloat, void,                                                    \
    (TF_OpKernelConstruction*, const char*, float*, TF_Status*))                                   \
  F(TF_OpKernelConstruction_Failure, void, (TF_OpKernelConstruction*, TF_Status*))                 \
  F(TF_OpKernelContext_Failure, void, (TF_OpKernelContext*, TF_Status*))                           \
  F(TF_NumInputs, int, (TF_OpKernelContext*))                                                      \
  F(TF_GetInput, void, (TF_OpKernelContext*, int, TF_Tensor**, TF_Status*))                        \
  F(TF_AllocateOutput, TF_Tensor*,                                                                 \
    (TF_OpKernelContext*, int, int, const int64_t*, int, size_t, TF_Status*))

// The functions themselves, which `findTensorflow` fills in.
struct Tensorflow {
#define REVCOL_MEMBER(name, result, arguments) result(*name) arguments = nullptr;
  REVCOL_TENSORFLOW_FUNCTIONS(REVCOL_MEMBER)
#undef REVCOL_MEMBER
};
extern Tensorflow tensorflow;

// Looks the functions up. Gives an empty string, or why they cannot be had; then it may be called again.
std::string findTensorflow();

}  // namespace revcol
