// The loops for every processor of the architecture.
#define REVCOL_ISA plain
#define REVCOL_LANES 4
#define REVCOL_TILE_ROWS 4
#include "compute.inc"
