/** The parts of a detector between which boxes are decided on. */
import type * as tf from '@tensorflow/tfjs-core';
import * as tfl from '@tensorflow/tfjs-layers';

import { requireModel } from '../common/arguments';
import type { CascadeHead } from '../layers/detection/cascade_head';
import type { RPNHead } from '../layers/detection/rpn_head';
import { gridAnchors } from '../ops/detection/anchors';
import { regionLevels, roiAlign } from '../ops/detection/roi_align';

/** A detector taken apart. */
export interface DetectorParts {
  /** From images to the maps of the pyramid, then the logits of being an object, then the deltas. */
  readonly first: tfl.LayersModel;
  readonly proposals: RPNHead;
  readonly heads: CascadeHead;
  /** Sides of images are to be multiples of this. */
  readonly multiple: number;
}

/** What a detector computes of images before any box is decided on. */
export interface FirstOutputs {
  /** Of all levels, bottom first, `[batch, h, w, channels]`. */
  readonly maps: tf.Tensor[];
  /** For each level the logits of being an object, `[batch, h, w, anchors]`. */
  readonly objectness: tf.Tensor[];
  /** For each level the deltas, `[batch, h, w, 4 anchors]`. */
  readonly deltas: tf.Tensor[];
}

const known = new WeakMap<tfl.LayersModel, DetectorParts>();

/**
 * Takes a detector apart.
 *
 * @param owner of the message
 * @throws {Error} when the model has not one `RPNHead` and one `CascadeHead`
 */
export function detectorParts(owner: string, model: tfl.LayersModel): DetectorParts {
  requireModel(owner, model);
  const found = known.get(model);
  if (found) return found;
  const [proposals, heads] = ['RevColRPNHead', 'RevColCascadeHead'].map((kind) => {
    const layers = model.layers.filter((layer) => layer.getClassName() === kind);
    if (layers.length === 1) return layers[0];
    throw new Error(
      `${owner}: the model ${model.name} has ${layers.length} layers ${kind.replace('RevCol', '')}; expected ` +
        "one, as in a detector: createModel('cascade_mask_rcnn_revcol_tiny.coco')",
    );
  }) as [tfl.layers.Layer, tfl.layers.Layer];
  const maps = [proposals.input].flat() as tfl.SymbolicTensor[];
  const outputs = [...maps, ...([proposals.output].flat() as tfl.SymbolicTensor[])];
  const [image] = model.inputs as [tfl.SymbolicTensor];
  const parts: DetectorParts = {
    first: tfl.model({ inputs: image, outputs }),
    proposals: proposals as RPNHead,
    heads: heads as CascadeHead,
    multiple: Math.max(...(heads as CascadeHead).strides),
  };
  known.set(model, parts);
  return parts;
}

/** Runs the first part on a batch of images. */
export function firstOutputs(
  { first, proposals }: DetectorParts,
  x: tf.Tensor,
  training = false,
): FirstOutputs {
  const outputs = first.apply(x, { training }) as tf.Tensor[];
  const count = proposals.strides.length;
  return {
    maps: outputs.slice(0, count),
    objectness: outputs.slice(count, 2 * count),
    deltas: outputs.slice(2 * count),
  };
}

/** The anchors of all levels. */
export function anchorsOf(
  { proposals }: DetectorParts,
  { objectness }: Pick<FirstOutputs, 'objectness'>,
): Float32Array[] {
  return objectness.map(({ shape }, level) => {
    const [, height, width] = shape as [number, number, number];
    return gridAnchors([height, width], proposals.strides[level] as number, proposals.anchors);
  });
}

/** Features of regions, `[regions, bins, bins, channels]`. */
export function regionFeatures(
  { heads }: DetectorParts,
  maps: readonly tf.Tensor[],
  regions: Float32Array,
  bins: number,
): tf.Tensor4D {
  const { strides, finestScale } = heads;
  const levels = regionLevels(regions, strides.length, finestScale);
  return roiAlign(maps.slice(0, strides.length), { regions, levels, strides, size: bins });
}
