/** Factories of the layers of columns, in the manner of `tf.layers.*`. */
import { ConvNextBlock, type ConvNextBlockArgs } from './convnext_block';
import { RevColHead, type RevColHeadArgs } from './head';
import { RevColImageDecoder, type RevColImageDecoderArgs } from './image_decoder';
import { LevelFusion, type LevelFusionArgs } from './level_fusion';
import { RevColBackbone, type RevColBackboneArgs } from './rev_col_backbone';
import { ReversibleColumn, type ReversibleColumnArgs } from './reversible_column';
import { RevColStem, type RevColStemArgs } from './stem';

/**
 * RevCol backbone (Cai et al., ICLR 2023, arXiv 2212.11696): a stem and reversible columns, trained
 * without stored activations, so that memory does not grow with the number of columns.
 *
 * Input `[batch, height, width, channels]`, or what the stem given takes. Output by `output`: the
 * last column's top level (`'last'`, default), all its levels, or the top levels of columns. float32.
 *
 * @param args `columns` (4), `channels` per level ([64, 128, 256, 512]), `depths`: blocks per level
 *   ([2, 2, 4, 2]), `patchSize` of the stem (4), `kernelSize` (3), `dropPathRate` (0), `block`,
 *   `fusion` and `stem`: templates of your own (or `fusion: 'norm'`, LayerNorms alone between levels of
 *   one width), `backprop` (`'reversible'`), `anchorEvery` (`'auto'`), `frozen` (none)
 * @throws {Error} when an argument is out of range; when it is applied, if a level would have no pixel
 *   or a block changes the shape
 *
 * @example
 * layers.revColBackbone({ inputShape: [32, 32, 3], channels: [32, 64], depths: [1, 2], patchSize: 2 });
 */
export function revColBackbone(args?: RevColBackboneArgs): RevColBackbone {
  return new RevColBackbone(args);
}

/**
 * One reversible column (arXiv 2212.11696, section 2.1): `c[l] = alpha[l] * previous[l] + F_l(c[l-1],
 * previous[l+1])`. For networks of your own; `revColBackbone` stacks columns at less memory.
 *
 * Input: the stem's output `[batch, ..., channels[0]]` in a first column, else `[stem, previous level
 * 0, ..., previous top level]`. Output: all levels, bottom first, or the top one. float32.
 *
 * @param args `channels` ([64, 128, 256, 512]), `depths` ([2, 2, 4, 2]), `output` (`'pyramid'`, or
 *   `'last'`), `block`, `fusion`, and more as in `revColBackbone`
 * @throws {Error} when an argument is out of range, or the inputs are not those of a column
 *
 * @example
 * const levels = layers.reversibleColumn({ channels: [8, 16], depths: [1, 1] }).apply(stem);
 */
export function reversibleColumn(args?: ReversibleColumnArgs): ReversibleColumn {
  return new ReversibleColumn(args);
}

/**
 * Level fusion (arXiv 2212.11696, section 2.2): `down(lower) + up(upper)`, and `+ up(top)` in the
 * Huge variant.
 *
 * Input: lower, `[lower, upper]` or `[lower, upper, top]`, each `[batch, height, width, channels]`
 * (`[batch, ..., channels]` when isotropic). Output: `[batch, h, w, filters]`. float32.
 *
 * @param args `level` (0, where lower passes unchanged), `filters` (those of lower), `isotropic`
 *   (true unless the operands are images), `paths` (`'linear'`, or `'norm'`: LayerNorm alone)
 * @throws {Error} when an argument is out of range, or the operands do not fit each other
 *
 * @example
 * layers.levelFusion({ level: 1, filters: 16 }).apply([lower, upper]);
 */
export function levelFusion(args?: LevelFusionArgs): LevelFusion {
  return new LevelFusion(args);
}

/**
 * ConvNeXt block (Liu et al. 2022, arXiv 2201.03545), the block of every RevCol level: depthwise
 * convolution, LayerNorm, linear, GELU, linear, layer scale, stochastic depth, plus the input.
 *
 * Input and output: `[batch, height, width, channels]`, float32.
 *
 * @param args `kernelSize` (3), `expansion` of the hidden width (4), `dropRate` (0), `layerScaleInit`
 *   (1e-6)
 * @throws {Error} when an argument is out of range, or the input is no image of known channels
 *
 * @example
 * layers.revColBackbone({ block: layers.convNextBlock({ kernelSize: 7 }) });
 */
export function convNextBlock(args?: ConvNextBlockArgs): ConvNextBlock {
  return new ConvNextBlock(args);
}

/**
 * Stem (arXiv 2212.11696, section 2.2): non-overlapping patches, projected, then LayerNorm.
 *
 * Input `[batch, height, width, in]`, output `[batch, floor(height / patchSize), floor(width /
 * patchSize), filters]`; what is no image is projected along its last axis. float32.
 *
 * @param args `filters`: channels of the output; `patchSize` (4)
 * @throws {Error} when an argument is out of range, or the input's channels are unknown
 *
 * @example
 * layers.revColStem({ inputShape: [224, 224, 3], filters: 64 });
 */
export function revColStem(args: RevColStemArgs): RevColStem {
  return new RevColStem(args);
}

/**
 * Classification head (as published with arXiv 2212.11696): mean over all axes between batch and
 * channels, over real tokens where there is a mask; LayerNorm; linear.
 *
 * Input `[batch, ..., channels]`, output logits `[batch, units]`. float32.
 *
 * @param args `units`: number of classes
 * @throws {Error} when `units` is no whole number from 1, or the input's channels are unknown
 *
 * @example
 * const logits = layers.revColHead({ units: 10 }).apply(features);
 */
export function revColHead(args: RevColHeadArgs): RevColHead {
  return new RevColHead(args);
}

/**
 * Reconstructs the image from a column's top level, for intermediate supervision (arXiv 2212.11696,
 * section 2.3 and appendix). Gives logits of the pixels' intensities from 0 to 1.
 *
 * Input `[batch, h, w, top channels]`, output `[batch, h * s, w * s, imageChannels]` with `s =
 * patchSize * 2 ** (levels - 1)`. float32.
 *
 * @param args `channels` of the backbone's levels; `kind` (`'progressive'`, or `'simple'` as
 *   published for more than 1000 classes), `patchSize` (4), `imageChannels` (3)
 * @throws {Error} when an argument is out of range, or the input is not the top level
 *
 * @example
 * layers.revColImageDecoder({ channels: [64, 128, 256, 512] }).apply(topLevel);
 */
export function revColImageDecoder(args: RevColImageDecoderArgs): RevColImageDecoder {
  return new RevColImageDecoder(args);
}
