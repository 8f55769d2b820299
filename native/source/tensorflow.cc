// Finds TensorFlow's functions in the libraries that the process has loaded.
#include "tensorflow.h"

#include <dlfcn.h>

namespace revcol {

Tensorflow tensorflow;

namespace {

// Where the functions are: in wheels the framework library has them, in the archives of
// libtensorflow, which tfjs-node downloads, the main one.
constexpr const char* kLibraries[] = {"libtensorflow_framework.so.2", "libtensorflow.so.2",
                                      "libtensorflow_cc.so.2"};

void* find(const char* function) {
  for (const char* library : kLibraries) {
    // Only what is loaded already: a second TensorFlow in the process would help nobody.
    void* handle = dlopen(library, RTLD_LAZY | RTLD_NOLOAD);
    if (handle == nullptr) continue;
    void* found = dlsym(handle, function);
    dlclose(handle);
    if (found != nullptr) return found;
  }
  return nullptr;
}

bool isLoaded() {
  for (const char* library : kLibraries) {
    void* handle = dlopen(library, RTLD_LAZY | RTLD_NOLOAD);
    if (handle == nullptr) continue;
    dlclose(handle);
    return true;
  }
  return false;
}

}  // namespace

std::string findTensorflow() {
  if (!isLoaded()) return "no TensorFlow is loaded in this process; import tfjs-node first";
  Tensorflow found;
#define REVCOL_FIND(name, result, arguments)                                       \
  found.name = reinterpret_cast<result(*) arguments>(find(#name));                 \
  if (found.name == nullptr) return "this version of TensorFlow has no " #name;
  REVCOL_TENSORFLOW_FUNCTIONS(REVCOL_FIND)
#undef REVCOL_FIND
  tensorflow = found;
  return "";
}

}  // namespace revcol
