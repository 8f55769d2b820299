// The loops for processors with AVX2 and FMA; the build switches those on for this file alone.
#define REVCOL_ISA avx2
#define REVCOL_LANES 8
#define REVCOL_TILE_ROWS 6
#include "compute.inc"
