/** Mean intersection over union of class maps, as mmsegmentation computes it. */
import { requireArgument, requireInteger, shown } from '../common/arguments';
import { type OptionNames, requireOptions } from '../common/options';

/** Options of `MeanIoU`. */
export interface MeanIoUOptions {
  /** Number of classes. */
  numClasses: number;
  /** Label of pixels that do not count. Default 255. */
  ignoreLabel?: number;
  /**
   * Whether labels count classes from 1 and 0 is no class, as in ADE20K's label maps: 0 then becomes
   * `ignoreLabel`, others one less. Default false.
   */
  reduceZeroLabel?: boolean;
}

const OPTIONS: OptionNames<MeanIoUOptions> = {
  numClasses: true,
  ignoreLabel: true,
  reduceZeroLabel: true,
};

/** What `MeanIoU` gives: shares from 0 to 1; NaN where there is nothing to divide by. */
export interface MeanIoUResult {
  /** Share of all counted pixels that are right. */
  aAcc: number;
  /** Mean of `IoU` over the classes that are predicted or labelled anywhere. */
  mIoU: number;
  /** Mean of `Acc` over the classes that are labelled anywhere. */
  mAcc: number;
  /** Of each class: pixels that are it in both maps, over those that are in either. */
  IoU: number[];
  /** Of each class: share of its pixels that are right. */
  Acc: number[];
  /** Pixels that count. */
  pixels: number;
}

type ClassMap = ArrayLike<number>;

/**
 * Mean intersection over union. Areas are summed over all maps that are added, and divided at the end;
 * a class that is in no map, neither predicted nor labelled, does not enter the mean, and one that is
 * only predicted counts with 0.
 *
 * @example
 * const metric = new MeanIoU({ numClasses: 150, reduceZeroLabel: true });
 * metric.add(segmentation.map, labels);
 * metric.result().mIoU;
 */
export class MeanIoU {
  private readonly numClasses: number;
  private readonly ignoreLabel: number;
  private readonly reduceZeroLabel: boolean;
  private readonly both: Float64Array;
  private readonly predicted: Float64Array;
  private readonly labelled: Float64Array;

  /** @throws {Error} when an option is out of range */
  constructor(options: MeanIoUOptions) {
    requireOptions('MeanIoU', options, OPTIONS);
    const { numClasses, ignoreLabel = 255, reduceZeroLabel = false } = options;
    requireInteger('MeanIoU', 'numClasses', numClasses, 1);
    requireInteger('MeanIoU', 'ignoreLabel', ignoreLabel, Number.MIN_SAFE_INTEGER);
    const isFlag = typeof reduceZeroLabel === 'boolean';
    requireArgument('MeanIoU', 'reduceZeroLabel', reduceZeroLabel, isFlag, 'true or false');
    if (reduceZeroLabel && ignoreLabel >= 1 && ignoreLabel <= numClasses) {
      throw new Error(
        `MeanIoU: ignoreLabel ${ignoreLabel} with reduceZeroLabel is a class, as labels then count classes from ` +
          `1 to ${numClasses}; give one outside, such as 255`,
      );
    }
    this.numClasses = numClasses;
    this.ignoreLabel = ignoreLabel;
    this.reduceZeroLabel = reduceZeroLabel;
    this.both = new Float64Array(numClasses);
    this.predicted = new Float64Array(numClasses);
    this.labelled = new Float64Array(numClasses);
  }

  /**
   * Takes in the maps of one image, or of several behind each other. All pixels may be ignored; then
   * nothing changes.
   *
   * @param prediction class of each pixel
   * @param label class of each pixel, in the same order
   * @throws {Error} when the maps are not of one length, or a pixel that counts is no class in one of
   *   them; nothing has been taken in then
   */
  add(prediction: ClassMap, label: ClassMap): void {
    for (const [name, map] of Object.entries({ prediction, label })) {
      const fits = typeof (map as Partial<ClassMap> | undefined)?.length === 'number';
      const isList = fits && typeof map !== 'string';
      requireArgument(
        'MeanIoU.add',
        name,
        map,
        isList,
        'the class of each pixel, such as a Uint8Array',
      );
    }
    const { length } = prediction;
    if (length !== label.length) {
      throw new Error(
        `MeanIoU.add: prediction has ${length} pixels, label ${label.length}; expected maps of one size`,
      );
    }
    // Counted apart first: a map that does not fit must not be half in.
    const sums = [this.both, this.predicted, this.labelled].map(
      (sum) => new Float64Array(sum.length),
    );
    const [both, predicted, labelled] = sums as [Float64Array, Float64Array, Float64Array];
    for (let i = 0; i < length; i++) {
      const given = label[i] as number;
      const wanted = this.classOf(given);
      if (wanted === null) continue;
      const got = prediction[i] as number;
      this.requireClass('label', wanted, given);
      this.requireClass('prediction', got, got);
      predicted[got] = (predicted[got] as number) + 1;
      labelled[wanted] = (labelled[wanted] as number) + 1;
      if (got === wanted) both[got] = (both[got] as number) + 1;
    }
    for (const [i, total] of [this.both, this.predicted, this.labelled].entries()) {
      const sum = sums[i] as Float64Array;
      for (let c = 0; c < total.length; c++) total[c] = (total[c] as number) + (sum[c] as number);
    }
  }

  /** The class of a label, null where it does not count. */
  private classOf(label: number): number | null {
    if (label === this.ignoreLabel) return null;
    if (!this.reduceZeroLabel) return label;
    return label === 0 ? null : label - 1;
  }

  private requireClass(map: string, value: number, given: number): void {
    if (Number.isInteger(value) && value >= 0 && value < this.numClasses) return;
    const from = map === 'label' && this.reduceZeroLabel ? 1 : 0;
    throw new Error(
      `MeanIoU.add: a pixel of ${map} is ${shown(given)}; expected a class from ${from} to ` +
        `${this.numClasses - 1 + from}` +
        (map === 'label' ? `, or ignoreLabel ${this.ignoreLabel}` : '') +
        (map === 'label' && !this.reduceZeroLabel && given === this.numClasses
          ? '. Where labels count classes from 1, set reduceZeroLabel: true'
          : ''),
    );
  }

  /** What has been added by now. */
  result(): MeanIoUResult {
    const { both, predicted, labelled } = this;
    const classes = Array.from(both.keys());
    const at = (values: Float64Array, c: number) => values[c] as number;
    const IoU = classes.map(
      (c) => at(both, c) / (at(predicted, c) + at(labelled, c) - at(both, c)),
    );
    const Acc = classes.map((c) => at(both, c) / at(labelled, c));
    const pixels = sumOf(labelled);
    return { aAcc: sumOf(both) / pixels, mIoU: meanOf(IoU), mAcc: meanOf(Acc), IoU, Acc, pixels };
  }
}

function sumOf(values: Iterable<number>): number {
  let sum = 0;
  for (const value of values) sum += value;
  return sum;
}

/** Mean of those that are numbers. */
function meanOf(values: readonly number[]): number {
  const numbers = values.filter((value) => !Number.isNaN(value));
  return sumOf(numbers) / numbers.length;
}
