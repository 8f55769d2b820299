/** CascadeHead: box heads one behind the other, each beginning from the boxes of the one before, and mask heads. */
import * as tf from '@tensorflow/tfjs-core';
import type * as tfl from '@tensorflow/tfjs-layers';

import {
  requireArgument,
  requireInteger,
  requireList,
  requireRanges,
} from '../../common/arguments';
import type { DeltaScales } from '../../ops/detection/box_deltas';
import type { LayerArgs, LayerOptionNames } from '../base/checked_layer';
import { CompositeLayer } from '../base/composite_layer';
import { IMAGE } from '../base/input_axes';
import type { Shapes } from '../base/inputs';
import { BoxHead } from './box_head';
import { MaskHead } from './mask_head';
import { type CallKwargs, requireBins } from './parts_layer';
import { requireStrides } from './rpn_head';

const OWNER = 'CascadeHead';

/** Deviations of the deltas of the three published heads: each refines more finely than the one before. */
export const CASCADE_SCALES: readonly DeltaScales[] = [
  [0.1, 0.1, 0.2, 0.2],
  [0.05, 0.05, 0.1, 0.1],
  [0.033, 0.033, 0.067, 0.067],
];

/** Arguments of `CascadeHead`. */
export type CascadeHeadArgs = LayerArgs & {
  /** Number of classes, without the background. */
  units: number;
  /**
   * Deviations that the deltas of each head are multiplied by, of x, y, width and height: as many as heads.
   * Default: the published three.
   */
  deltaScales?: readonly DeltaScales[];
  /** Channels of the hidden layer of each box head. Default 1024, as published. */
  hidden?: number;
  /** Number of convolutions of each head. Default 4, as published. */
  convs?: number;
  /** Strides of the levels that regions are taken of, bottom first. Default [4, 8, 16, 32], as published. */
  strides?: readonly number[];
  /**
   * Side of a box in pixels from which on, doubled, it is taken of the level above the bottom one, see
   * `regionLevels`. Default 56, as published.
   */
  finestScale?: number;
};

/**
 * The heads of a Cascade Mask R-CNN (Cai and Vasconcelos 2019, arXiv 1906.09756): box heads of a cascade, and
 * beside each a mask head. Which regions they see is decided between them, by `detect` and `detectionStep`: as
 * a layer it computes all heads on the regions that it is given.
 *
 * Input: two tensors, features of regions for boxes `[regions, bins, bins, channels]` (published: 7 bins) and for
 * masks `[objects, bins, bins, channels]` (14 bins), as `roiAlign` gives them. Output: a list, for each head the
 * logits of the classes `[regions, units + 1]`, the background last, and the deltas `[regions, 4 units]`; then for
 * each head the logits of the masks `[objects, 2 bins, 2 bins, units]`. float32.
 *
 * @throws {Error} when an argument is out of range or the inputs are no maps of features
 */
export class CascadeHead extends CompositeLayer {
  static className = 'RevColCascadeHead';
  static override readonly optionNames: object = {
    units: true,
    deltaScales: true,
    hidden: true,
    convs: true,
    strides: true,
    finestScale: true,
  } satisfies LayerOptionNames<CascadeHeadArgs>;

  readonly units: number;
  /** Of each head. */
  readonly deltaScales: readonly DeltaScales[];
  /** Of the levels that regions are taken of. */
  readonly strides: readonly number[];
  readonly finestScale: number;
  private readonly hidden: number;
  private readonly convs: number;
  /** Bins of the features that it was built for. */
  private bins: readonly [boxes: number, masks: number] = [7, 14];

  constructor(args = {} as CascadeHeadArgs) {
    super(args);
    this.takes({ axes: [IMAGE, IMAGE], form: 'features of regions for boxes, and for masks' });
    this.units = args.units;
    this.hidden = args.hidden ?? 1024;
    this.convs = args.convs ?? 4;
    this.finestScale = args.finestScale ?? 56;
    const scales = args.deltaScales ?? CASCADE_SCALES;
    const strides = args.strides ?? [4, 8, 16, 32];
    requireInteger(OWNER, 'units', this.units, 1);
    requireInteger(OWNER, 'hidden', this.hidden, 1);
    requireInteger(OWNER, 'convs', this.convs, 0);
    requireRanges(OWNER, [
      ['finestScale', this.finestScale, this.finestScale > 0, 'in pixels above 0'],
    ]);
    requireDeltaScales(scales);
    requireStrides(OWNER, strides);
    this.deltaScales = scales.map(([x, y, w, h]) => [x, y, w, h] as const);
    this.strides = [...strides];
  }

  /** Bins of the features of a region for boxes. */
  get boxBins(): number {
    return this.bins[0];
  }

  /** Bins of the features of a region for masks; masks have twice as many. */
  get maskBins(): number {
    return this.bins[1];
  }

  protected override checkInputs(shapes: Shapes): void {
    super.checkInputs(shapes);
    if (!this.built) return;
    this.bins.forEach((side, i) => requireBins(OWNER, shapes[i], [side, side]));
  }

  override build(inputShape: tfl.Shape | tfl.Shape[]): void {
    const shapes = this.checkedShapes(inputShape);
    const [boxes, masks] = shapes as [tfl.Shape, tfl.Shape];
    for (const [name, [, height, width]] of Object.entries({ boxes, masks })) {
      const fits = height != null && height === width;
      requireArgument(
        OWNER,
        `the features of ${name}`,
        inputShape,
        fits,
        'as many rows as columns',
      );
    }
    const { units, hidden, convs } = this;
    this.buildOrUndo(inputShape, () => {
      this.bins = [boxes[1] as number, masks[1] as number];
      this.deltaScales.forEach((_, k) => {
        const head = new BoxHead({ name: `box_${k}`, units, hidden, convs });
        this.addSublayer(head, `box_${k}`, [null, ...boxes.slice(1)]);
      });
      this.deltaScales.forEach((_, k) => {
        const head = new MaskHead({ name: `mask_${k}`, units, convs });
        this.addSublayer(head, `mask_${k}`, [null, ...masks.slice(1)]);
      });
    });
  }

  override computeOutputShape(inputShape: tfl.Shape | tfl.Shape[]): tfl.Shape[] {
    const [[regions = null], [objects = null, bins]] = inputShape as [tfl.Shape, tfl.Shape];
    const { units } = this;
    const side = bins == null ? null : 2 * bins;
    return [
      ...this.deltaScales.flatMap((): tfl.Shape[] => [
        [regions, units + 1],
        [regions, 4 * units],
      ]),
      ...this.deltaScales.map((): tfl.Shape => [objects, side, side, units]),
    ];
  }

  /** Logits of the classes and deltas of the regions, by one of the heads. */
  boxes(head: number, features: tf.Tensor, kwargs: CallKwargs = {}): [tf.Tensor, tf.Tensor] {
    const layer = this.sublayers[head] as tfl.layers.Layer;
    return layer.apply(features, { ...kwargs }) as [tf.Tensor, tf.Tensor];
  }

  /** Logits of the masks of the regions, by one of the heads. */
  masks(head: number, features: tf.Tensor, kwargs: CallKwargs = {}): tf.Tensor {
    const layer = this.sublayers[this.deltaScales.length + head] as tfl.layers.Layer;
    return layer.apply(features, { ...kwargs }) as tf.Tensor;
  }

  override call(inputs: tf.Tensor | tf.Tensor[], kwargs: CallKwargs = {}): tf.Tensor[] {
    const [boxes, masks] = this.checkedTensors(inputs) as unknown as [tf.Tensor, tf.Tensor];
    return tf.tidy(() => [
      ...this.deltaScales.flatMap((_, k) => this.boxes(k, boxes, kwargs)),
      ...this.deltaScales.map((_, k) => this.masks(k, masks, kwargs)),
    ]);
  }

  override getConfig(): tf.serialization.ConfigDict {
    const { units, hidden, convs, finestScale } = this;
    return {
      ...super.getConfig(),
      units,
      deltaScales: this.deltaScales.map((scales) => [...scales]),
      hidden,
      convs,
      strides: [...this.strides],
      finestScale,
    };
  }
}

function requireDeltaScales(scales: readonly DeltaScales[]): void {
  requireList(OWNER, 'deltaScales', scales, 'four numbers for each head');
  if (scales.length === 0) {
    throw new Error(`${OWNER}: deltaScales is empty; expected four numbers for each head`);
  }
  for (const [k, four] of scales.entries()) {
    const fits = Array.isArray(four) && four.length === 4;
    requireArgument(OWNER, `deltaScales[${k}]`, four, fits, 'four numbers above 0');
    requireRanges(
      OWNER,
      four.map((scale, i) => [`deltaScales[${k}][${i}]`, scale, scale > 0, 'above 0'] as const),
    );
  }
}
