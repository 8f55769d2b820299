/** What lies on the paths of built-in fusions: the projections of the paper, or none. */

/**
 * What a path of a fusion does: `'linear'` (paper section 2.2, figure 2c), a linear layer and LayerNorm,
 * or a 2x2 convolution with stride 2 and LayerNorm down a pyramid; `'norm'`, LayerNorm alone, between
 * levels of one width, none of them smaller than the one below.
 */
export type FusionPaths = 'linear' | 'norm';

/** Its values. */
export const FUSION_PATHS: readonly FusionPaths[] = ['linear', 'norm'];

/** Whether a column's option `fusion` says what built-in fusions do, rather than being a template. */
export function isFusionPaths(fusion: unknown): fusion is FusionPaths {
  return typeof fusion === 'string';
}

/** What the paths of a column's built-in fusions do, by its option `fusion`. */
export function pathsOf(fusion: unknown): FusionPaths {
  return isFusionPaths(fusion) ? fusion : 'linear';
}
