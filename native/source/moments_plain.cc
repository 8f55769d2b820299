// Moments of eight bits for every processor of the architecture.
#define REVCOL_ISA plain
#define REVCOL_LANES 4
#include "moments.inc"
