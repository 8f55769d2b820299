// The loops that round after every operation, for processors with AVX2 and FMA.
#define REVCOL_ISA avx2
#define REVCOL_LANES 8
#include "exact.inc"
