// The loops that round after every operation, for processors with AVX-512.
#define REVCOL_ISA avx512
#define REVCOL_LANES 16
#include "exact.inc"
