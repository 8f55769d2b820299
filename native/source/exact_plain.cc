// The loops that round after every operation, for every processor of the architecture.
#define REVCOL_ISA plain
#define REVCOL_LANES 4
#include "exact.inc"
