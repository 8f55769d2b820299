/** Factories of the heads for dense prediction, in the manner of `tf.layers.*`. */
import { FCNHead, type FCNHeadArgs } from './fcn_head';
import { UPerHead, type UPerHeadArgs } from './uper_head';

/**
 * Head of UPerNet (Xiao et al. 2018, arXiv 1807.10221): pyramid pooling on the top level, a feature
 * pyramid below, logits for every pixel of the bottom level. For any pyramid, also of another backbone.
 *
 * Input: the levels, bottom first, 2 to 8 tensors `[batch, h, w, channels]`. Output: logits `[batch, h,
 * w, units]` of the bottom level's height and width. float32.
 *
 * @param args `units`: number of classes; `filters` (512), `poolScales` ([1, 2, 3, 6]), `dropout` of whole
 *   channels (0.1)
 * @throws {Error} when an argument is out of range, or the inputs are no pyramid
 *
 * @example
 * const levels = layers.revColBackbone({ inputShape: [null, null, 3], output: 'pyramid' });
 * const head = layers.uperHead({ units: 150 });
 */
export function uperHead(args: UPerHeadArgs): UPerHead {
  return new UPerHead(args);
}

/**
 * Fully convolutional head (Long et al. 2015, arXiv 1411.4038) on one level of a pyramid: 3x3
 * convolutions with batch normalisation and ReLU, dropout of whole channels, logits. The published
 * UPerNets have one on level 2 in training.
 *
 * Input `[batch, h, w, channels]`, output: logits `[batch, h, w, units]`. float32.
 *
 * @param args `units`: number of classes; `filters` (256), `convs`: their number (1), `dropout` of whole
 *   channels (0.1)
 * @throws {Error} when an argument is out of range, or the input is no map of features
 *
 * @example
 * const auxiliary = layers.fcnHead({ units: 150, filters: 256 });
 */
export function fcnHead(args: FCNHeadArgs): FCNHead {
  return new FCNHead(args);
}
