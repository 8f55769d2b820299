// The loops for processors with AVX-512; the build switches it on for this file alone.
#define REVCOL_ISA avx512
#define REVCOL_LANES 16
#define REVCOL_TILE_ROWS 12
#include "compute.inc"
