/** Factories of a detector's layers, in the manner of `tf.layers.*`. */
import { BoxHead, type BoxHeadArgs } from './box_head';
import { CascadeHead, type CascadeHeadArgs } from './cascade_head';
import { FPN, type FPNArgs } from './fpn';
import { MaskHead, type MaskHeadArgs } from './mask_head';
import { RPNHead, type RPNHeadArgs } from './rpn_head';

/**
 * Feature pyramid network (Lin et al. 2017, arXiv 1612.03144) on any pyramid: every level gets the features of
 * those above, and all have the same channels.
 *
 * Input: the levels, bottom first, 2 to 8 tensors `[batch, h, w, channels]`. Output: `outputs` maps `[batch, h, w,
 * filters]`. float32.
 *
 * @param args `filters` (256), `outputs`: their number (5); those above the top level are every second pixel
 * @throws {Error} when an argument is out of range, or the inputs are no pyramid
 *
 * @example
 * const levels = layers.revColBackbone({ inputShape: [null, null, 3], output: 'pyramid' });
 * const neck = layers.fpn({ filters: 256 });
 */
export function fpn(args: FPNArgs = {}): FPN {
  return new FPN(args);
}

/**
 * Head of a region proposal network (Ren et al. 2015, arXiv 1506.01497) on the maps of an FPN.
 *
 * Input: as many maps as strides, `[batch, h, w, channels]`. Output: for each the logits of being an object
 * `[batch, h, w, anchors]`, then for each the deltas `[batch, h, w, 4 anchors]`. float32.
 *
 * @param args `anchorScales` ([8]), `anchorRatios` ([0.5, 1, 2]), `strides` ([4, 8, 16, 32, 64])
 * @throws {Error} when an argument is out of range, or the inputs are no such maps
 *
 * @example
 * const proposals = layers.rpnHead({ anchorRatios: [0.5, 1, 2] });
 */
export function rpnHead(args: RPNHeadArgs = {}): RPNHead {
  return new RPNHead(args);
}

/**
 * Head for the classes and boxes of regions.
 *
 * Input: features of regions `[regions, bins, bins, channels]`. Output: logits `[regions, units + 1]`, the
 * background last, and deltas `[regions, 4 units]`. float32.
 *
 * @param args `units`: number of classes; `convs`: number of convolutions (4), `hidden`: channels (1024)
 * @throws {Error} when an argument is out of range, or the input is no map of features
 *
 * @example
 * const head = layers.boxHead({ units: 80 });
 */
export function boxHead(args: BoxHeadArgs): BoxHead {
  return new BoxHead(args);
}

/**
 * Head for the masks of regions (He et al. 2017, arXiv 1703.06870).
 *
 * Input: features of regions `[regions, bins, bins, channels]`. Output: logits `[regions, 2 bins, 2 bins, units]`.
 * float32.
 *
 * @param args `units`: number of classes; `convs`: number of convolutions (4)
 * @throws {Error} when an argument is out of range, or the input is no map of features
 *
 * @example
 * const head = layers.maskHead({ units: 80 });
 */
export function maskHead(args: MaskHeadArgs): MaskHead {
  return new MaskHead(args);
}

/**
 * The heads of a Cascade Mask R-CNN (Cai and Vasconcelos 2019, arXiv 1906.09756): box heads one behind the other,
 * and beside each a mask head.
 *
 * Input: features of regions for boxes and for masks, two tensors `[regions, bins, bins, channels]`. Output: the
 * outputs of all heads. float32.
 *
 * @param args `units`: number of classes; `deltaScales`: four numbers for each head (the published three),
 *   `hidden` (1024), `convs` (4), `strides` ([4, 8, 16, 32]), `finestScale` (56)
 * @throws {Error} when an argument is out of range, or the inputs are no maps of features
 *
 * @example
 * const heads = layers.cascadeHead({ units: 80 });
 */
export function cascadeHead(args: CascadeHeadArgs): CascadeHead {
  return new CascadeHead(args);
}
