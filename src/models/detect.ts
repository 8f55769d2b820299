/** Detecting the objects in a picture: boxes, classes, scores, masks. */
import * as tf from '@tensorflow/tfjs-core';
import type * as tfl from '@tensorflow/tfjs-layers';

import { show } from '../common/arguments';
import { boxAt, type ImageSize } from '../ops/detection/box_list';
import { pasteBinaryMask } from '../ops/detection/masks';
import { tidyAll } from '../ops/engine/tensors';
import type { PixelImage } from '../preprocessing/image';
import { fittedSize } from '../preprocessing/rescaled_size';
import { type BatchImage, maskGrids, type Objects, objectsOf } from './cascade';
import {
  classNames,
  DETECTING_SIZES,
  type DetectOptions,
  type DetectSettings,
  OWNER,
  settingsOf,
} from './detect_options';
import { anchorsOf, type DetectorParts, detectorParts, firstOutputs } from './detector_parts';
import { type PictureSource, pictureSource } from './picture_source';
import { proposalsOf } from './proposals';
import { withSaved } from './saved_options';

/** Where the mask of an object is made from. */
interface MaskOrigin {
  /** Probabilities on a grid over the box, `[side, side]`. */
  readonly grid: Float32Array;
  readonly size: ImageSize;
  readonly threshold: number;
}

/** An object in a picture. */
export class DetectedObject {
  /**
   * @param box `x1, y1, x2, y2` in pixels of the picture: it is `x2 - x1` pixels wide
   * @param score how sure the detector is, from 0 to 1
   * @param label number of its class
   * @param name of its class
   */
  constructor(
    readonly box: readonly [x1: number, y1: number, x2: number, y2: number],
    readonly score: number,
    readonly label: number,
    readonly name: string,
    origin: MaskOrigin | null,
  ) {
    // Not counted among what JSON and tests of equality see.
    Object.defineProperty(this, 'origin', { value: origin });
  }

  declare private readonly origin: MaskOrigin | null;

  /**
   * Which pixels of the picture belong to it, row by row from the top left: 1 or 0. Made anew at every call, so
   * that a hundred objects of a large picture take no memory by themselves; null with `masks: false`.
   */
  get mask(): Uint8Array | null {
    const { origin, box } = this;
    if (!origin) return null;
    const side = Math.sqrt(origin.grid.length);
    return pasteBinaryMask(origin.grid, side, box, origin.size, origin.threshold);
  }
}

/** What `detect` gives. */
export interface Detections {
  /** Of the picture, in pixels. */
  width: number;
  height: number;
  /** Name of every class of the model. */
  classes: readonly string[];
  /** The objects, the surest first. */
  objects: DetectedObject[];
}

/**
 * The objects in a picture, as mmdetection finds them: the picture is resized, padded to whole pixels of the
 * model's top level, searched for proposals, and those go through the cascade of box heads; what is sure enough
 * gets a mask. One picture at a time; between the parts of the model other code runs, and values are read when the
 * device has them.
 *
 * @param model a detector: what `createModel('cascade_mask_rcnn_revcol_tiny.coco')` gives, or any model with an
 *   `RPNHead` and a `CascadeHead`
 * @param image RGB or RGBA pixels, of any size, such as `ImageData` (`readPixels` makes them); or a tensor
 *   `[height, width, channels]` that is normalised as the model takes it
 * @throws {Error} when an option is out of range, the model is no detector, or the image is none or of a size that
 *   the model does not take
 * @throws {unknown} `signal.reason` when stopped
 *
 * @example
 * const record = detectionWeights('cascade_mask_rcnn_revcol_tiny.coco');
 * const model = await createModel(record.name, { pretrained: true });
 * const { objects } = await detect(model, pixels, { ...record, scoreThreshold: 0.5, maxDetections: 20 });
 */
export async function detect(
  model: tfl.LayersModel,
  image: PixelImage | tf.Tensor,
  options: DetectOptions = {},
): Promise<Detections> {
  settingsOf(options);
  const parts = detectorParts(OWNER, model);
  const all = withSaved(model, options, DETECTING_SIZES, image);
  const settings = settingsOf(all);
  const classes = classNames(all, parts.heads.units);
  const source = pictureSource(OWNER, image);
  const between = async (fraction: number) => {
    options.onProgress?.(fraction);
    // Lets the rest of the program run, which a backend on the CPU holds up.
    await new Promise((resolve) => setTimeout(resolve));
    options.signal?.throwIfAborted();
  };
  try {
    await between(0);
    const found = await searched(parts, source, settings, between);
    options.onProgress?.(1);
    return described(found, source.size, classes, settings);
  } finally {
    source.dispose();
  }
}

/** The objects of a picture, and the grids of their masks. */
interface Found {
  objects: Objects;
  grids: Float32Array | null;
}

async function searched(
  parts: DetectorParts,
  source: PictureSource,
  settings: DetectSettings,
  between: (fraction: number) => Promise<void>,
): Promise<Found> {
  const size = fittedSize(source.size, settings.shortSide, settings.longSide);
  const [height, width] = size;
  const padded = size.map((side) => Math.ceil(side / parts.multiple) * parts.multiple);
  requireSize(parts.first, padded as [number, number]);
  const [y, x] = source.size.map((side, axis) => (size[axis] as number) / side) as [number, number];
  const images: BatchImage[] = [{ size, scale: [x, y] }];
  const first = tidyAll(() => {
    const batch = tf.pad(source.at(size, settings), [
      [0, 0],
      [0, (padded[0] as number) - height],
      [0, (padded[1] as number) - width],
      [0, 0],
    ]);
    return firstOutputs(parts, batch);
  });
  const { maps } = first;
  try {
    await between(0.4);
    const [proposals] = await proposalsOf(
      first,
      anchorsOf(parts, first),
      [size],
      settings.proposals,
    );
    await between(0.5);
    const boxes = proposals?.boxes ?? new Float32Array(0);
    const [objects] = (await objectsOf(parts, maps, [boxes], images, settings.objects)) as [
      Objects,
    ];
    if (!settings.masks) return { objects, grids: null };
    await between(0.9);
    const [grids] = (await maskGrids(parts, maps, [objects])) as [Float32Array];
    return { objects, grids };
  } finally {
    tf.dispose([...maps, ...first.objectness, ...first.deltas]);
  }
}

/** Asserts that a model takes images of a size. */
function requireSize(model: tfl.LayersModel, [height, width]: readonly [number, number]): void {
  const [, h, w] = model.inputs[0]?.shape as tfl.Shape;
  if ((h ?? height) === height && (w ?? width) === width) return;
  throw new Error(
    `${OWNER}: the model takes images of ${show([h ?? null, w ?? null])} pixels, not of ${height} x ${width}, to ` +
      'which this one is resized and padded; make it with sides left open, inputShape [null, null, 3]',
  );
}

function described(
  { objects, grids }: Found,
  size: ImageSize,
  classes: readonly string[],
  { maskThreshold: threshold }: DetectSettings,
): Detections {
  const { boxes, scores, labels } = objects;
  const values = grids && labels.length > 0 ? grids.length / labels.length : 0;
  return {
    width: size[1],
    height: size[0],
    classes,
    objects: Array.from(labels, (label, i) => {
      const grid = grids?.subarray(i * values, (i + 1) * values);
      const origin = grid ? { grid, size, threshold } : null;
      const name = classes[label] as string;
      return new DetectedObject(boxAt(boxes, i), scores[i] as number, label, name, origin);
    }),
  };
}
