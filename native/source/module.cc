// What Node loads. An N-API module without Node's headers: the few functions that it calls are declared
// here, and are Node's own, of which N-API promises that they stay.
#include <cstdint>
#include <string>

#include "operations.h"

extern "C" {
typedef struct napi_env__* napi_env;
typedef struct napi_value__* napi_value;
typedef struct napi_callback_info__* napi_callback_info;
typedef napi_value (*napi_callback)(napi_env, napi_callback_info);
int napi_throw_error(napi_env, const char* code, const char* message);
int napi_create_string_utf8(napi_env, const char* text, size_t length, napi_value* result);
int napi_create_int32(napi_env, int32_t value, napi_value* result);
int napi_create_array(napi_env, napi_value* result);
int napi_create_object(napi_env, napi_value* result);
int napi_create_function(napi_env, const char* name, size_t length, napi_callback, void* data,
                         napi_value* result);
int napi_set_named_property(napi_env, napi_value object, const char* name, napi_value value);
int napi_set_element(napi_env, napi_value array, uint32_t index, napi_value value);
int napi_get_cb_info(napi_env, napi_callback_info, size_t* count, napi_value* arguments,
                     napi_value* self, void** data);
int napi_get_value_string_utf8(napi_env, napi_value, char* text, size_t size, size_t* length);
int napi_get_value_int32(napi_env, napi_value, int32_t* result);
}

// A hash of the source, which the build passes.
#ifndef REVCOL_SOURCE
#define REVCOL_SOURCE ""
#endif

namespace {

// The length of a text that ends with 0.
constexpr size_t kAll = SIZE_MAX;

napi_value text(napi_env env, const char* value) {
  napi_value result = nullptr;
  napi_create_string_utf8(env, value, kAll, &result);
  return result;
}

napi_value number(napi_env env, int value) {
  napi_value result = nullptr;
  napi_create_int32(env, value, &result);
  return result;
}

// choose(instructions: string, threads: number): { instructions: string, threads: number }
napi_value choose(napi_env env, napi_callback_info info) {
  size_t count = 2;
  napi_value arguments[2] = {};
  napi_get_cb_info(env, info, &count, arguments, nullptr, nullptr);
  char name[32] = "";
  size_t length = 0;
  int32_t threads = 0;
  const bool isFine = count == 2 &&
                      napi_get_value_string_utf8(env, arguments[0], name, sizeof name, &length) == 0 &&
                      napi_get_value_int32(env, arguments[1], &threads) == 0;
  if (!isFine || !revcol::choose(name, threads)) {
    napi_throw_error(env, "REVCOL_OPERATIONS",
                     isFine ? (std::string("this processor has no ") + name).c_str()
                            : "choose expects a string and a number");
    return nullptr;
  }
  napi_value result = nullptr;
  napi_create_object(env, &result);
  napi_set_named_property(env, result, "instructions", text(env, revcol::chosenInstructions()));
  napi_set_named_property(env, result, "threads", number(env, revcol::chosenThreads()));
  return result;
}

}  // namespace

// Called whenever the module is loaded, in a process or in one of its worker threads.
extern "C" __attribute__((visibility("default"))) napi_value napi_register_module_v1(
    napi_env env, napi_value exports) {
  const std::string failure = revcol::registerOperations();
  if (!failure.empty()) {
    napi_throw_error(env, "REVCOL_OPERATIONS", failure.c_str());
    return exports;
  }
  napi_value sets = nullptr, function = nullptr;
  napi_create_array(env, &sets);
  const char* const* names = revcol::instructionSets();
  for (uint32_t i = 0; names[i] != nullptr; i++) napi_set_element(env, sets, i, text(env, names[i]));
  napi_create_function(env, "choose", kAll, choose, nullptr, &function);
  napi_set_named_property(env, exports, "interface", number(env, revcol::kInterface));
  napi_set_named_property(env, exports, "mark", text(env, revcol::kMark));
  napi_set_named_property(env, exports, "source", text(env, REVCOL_SOURCE));
  napi_set_named_property(env, exports, "instructionSets", sets);
  napi_set_named_property(env, exports, "choose", function);
  return exports;
}
