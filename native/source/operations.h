// The operations as TensorFlow knows them.
#pragma once
#include <string>

namespace revcol {

// Changes when an operation's name, inputs, attributes or outputs do; the package asks for it.
#define REVCOL_INTERFACE 3
constexpr int kInterface = REVCOL_INTERFACE;

// What the package looks for in the file before it loads it, since what is loaded stays.
#define REVCOL_AS_TEXT(number) #number
#define REVCOL_MARK(number) "tfjs-revcol operations " REVCOL_AS_TEXT(number)
constexpr const char* kMark = REVCOL_MARK(REVCOL_INTERFACE);

// Adds the operations to the TensorFlow of this process; once is enough, more is harmless. Gives an empty
// string, or why that cannot be. A TensorFlow that is not loaded yet may be there at the next call.
std::string registerOperations();

// Names of the instruction sets of this build that the processor has, the best first, ended by nullptr.
const char* const* instructionSets();

// Chooses one of them, and the number of threads. An empty name or 0 leaves what was chosen; before any
// choice that is the best, and defaultThreads(). False: there is no such set here.
bool choose(const std::string& instructions, int threads);

const char* chosenInstructions();
int chosenThreads();

}  // namespace revcol
