/** Where pictures with label maps come from: what segmenters are trained on and evaluated with. */
import {
  type LabelledPixels,
  requireSameSize,
  type SegmentationTransformOptions,
} from '../augmentation/segmentation_transform';
import { requireArgument, requireList } from '../common/arguments';
import { type OptionNames, requireOptions } from '../common/options';
import { type PixelImage, toRgb } from '../preprocessing/image';
import {
  IGNORED,
  type LabelMap,
  MOST_LABEL,
  requireLabelMap,
  requireLabelsOf,
  withoutZero,
} from '../preprocessing/label_map';
import { requireClassNames } from './class_names';
import { requireExample } from './example_source';

/** What is done with the pictures of an epoch, as plain data, so that a thread that decodes them can do it. */
export interface LabelledRecipe {
  readonly options: SegmentationTransformOptions;
  /** The numbers that name the randomness of the epoch, such as seed and epoch. */
  readonly seed: readonly number[];
}

/** Pictures with label maps by number; reading any of them twice gives the same. */
export interface SegmentationSource {
  /** How many there are; their numbers count from 0. */
  readonly length: number;
  /** The names of the classes, by class. */
  readonly classNames: readonly string[];
  /** Label of pixels that count as no class. */
  readonly ignoreLabel: number;
  /** Its name for messages and reports: a path, a number. */
  name(index: number): string;
  /**
   * Its pixels, 8-bit RGB, upright (an orientation tag is applied), and the class of each: 0 to that of the last
   * name, or `ignoreLabel`. Never tensors.
   */
  read(index: number): Promise<LabelledPixels>;
  /** `segmentationTransform` of what `read` gives, computed where the picture is decoded. */
  readTransformed?(index: number, recipe: LabelledRecipe): Promise<LabelledPixels>;
  /** Frees threads and files. What is being read is rejected; reading again opens them again. */
  close(): Promise<void>;
}

/** Whether something is a source of pictures with label maps. */
export function isSegmentationSource(value: unknown): value is SegmentationSource {
  const { length, classNames, ignoreLabel, read } = (value ?? {}) as Partial<SegmentationSource>;
  return (
    typeof length === 'number' &&
    Array.isArray(classNames) &&
    typeof ignoreLabel === 'number' &&
    typeof read === 'function'
  );
}

/** How label maps tell classes. */
export interface LabelMapOptions {
  /** Names by class, in the order of their numbers. */
  classNames: readonly string[];
  /** Label of pixels that count as no class, at most 65535. Default 255. */
  ignoreLabel?: number;
  /**
   * Whether labels count classes from 1 and 0 is no class, as in ADE20K's maps: 0 then becomes `ignoreLabel`, others
   * one less. Default false.
   */
  reduceZeroLabel?: boolean;
}

/** The names of its options. */
export const LABEL_MAP_OPTIONS: OptionNames<LabelMapOptions> = {
  classNames: true,
  ignoreLabel: true,
  reduceZeroLabel: true,
};

/**
 * Asserts how labels tell classes.
 *
 * @throws {Error} when names are missing, not strings or the same, or `ignoreLabel` is one of the classes, or no label
 *   that a map can hold
 */
export function requireLabelOptions(
  owner: string,
  options: LabelMapOptions,
): Required<LabelMapOptions> {
  const { classNames, ignoreLabel = IGNORED, reduceZeroLabel = false } = options;
  requireClassNames(owner, classNames);
  const isLabel = Number.isInteger(ignoreLabel) && ignoreLabel >= 0 && ignoreLabel <= MOST_LABEL;
  requireArgument(owner, 'ignoreLabel', ignoreLabel, isLabel, `an integer from 0 to ${MOST_LABEL}`);
  const isFlag = typeof reduceZeroLabel === 'boolean';
  requireArgument(owner, 'reduceZeroLabel', reduceZeroLabel, isFlag, 'true or false');
  if (ignoreLabel >= classNames.length) {
    return { classNames: [...classNames], ignoreLabel, reduceZeroLabel };
  }
  throw new Error(
    `${owner}: ignoreLabel is ${ignoreLabel}, which is a class; expected a number from ` +
      `${classNames.length} on, such as 65535`,
  );
}

/**
 * The labels of a map as classes, checked.
 *
 * @param name of the map, for messages
 * @throws {Error} when a label is none of the classes
 */
export function classesOf(
  name: string,
  map: LabelMap,
  { classNames, ignoreLabel, reduceZeroLabel }: Required<LabelMapOptions>,
): LabelMap {
  const labels = reduceZeroLabel ? withoutZero(map, ignoreLabel) : map;
  requireLabelsOf(name, labels, classNames.length, ignoreLabel);
  return labels;
}

/** A picture and its label map, in memory or made when it is wanted. */
export interface SegmentationExample {
  readonly image: PixelImage;
  readonly labels: LabelMap;
  /** For messages and reports. Default: its number. */
  readonly name?: string;
}

const OWNER = 'segmentationSource';

/**
 * Makes a source of pictures with label maps that lie in memory. They are checked now, and read when they are wanted,
 * so they must stay as they are.
 *
 * @throws {Error} when there are none, a picture or a map is malformed or they are not of one size, or a label is none
 *   of the classes
 *
 * @example
 * const source = segmentationSource([{ image, labels: { width, height, data } }], {
 *   classNames: ['ground', 'bird'],
 * });
 */
export function segmentationSource(
  examples: readonly SegmentationExample[],
  options: LabelMapOptions,
): SegmentationSource {
  requireOptions(OWNER, options, LABEL_MAP_OPTIONS);
  const known = requireLabelOptions(OWNER, options);
  requireList(OWNER, 'examples', examples, '{ image, labels }');
  const expected = '{ image, labels }, and one of them at least';
  requireArgument(OWNER, 'examples', examples, examples.length > 0, expected);
  const list = examples.map((example, index) => {
    const isExample = typeof example === 'object' && example !== null;
    requireArgument(OWNER, `example ${index}`, example, isExample, '{ image, labels }');
    const name = example.name ?? String(index);
    const owner = `${OWNER}: example ${name}`;
    const image = toRgb(example.image);
    requireLabelMap(owner, example.labels);
    requireSameSize(owner, image, example.labels);
    return { name, image, labels: classesOf(owner, example.labels, known) };
  });
  const at = (index: number) => {
    requireExample(OWNER, index, list.length);
    return list[index] as (typeof list)[number];
  };
  return {
    length: list.length,
    classNames: known.classNames,
    ignoreLabel: known.ignoreLabel,
    name: (index) => at(index).name,
    read: async (index) => {
      const { image, labels } = at(index);
      return { image, labels };
    },
    close: () => Promise.resolve(),
  };
}
