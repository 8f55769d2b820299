/** RandAugment on images of 8 bits. */
import { requireInteger, requireOneOf, requireRanges, shown } from '../common/arguments';
import { byNearness, type OptionNames, requireOptions } from '../common/options';
import { type PixelImage, type RgbImage, toRgb } from '../preprocessing/image';
import type { Interpolation } from './affine';
import { requireColour, requireProbability } from './checks';
import {
  AUGMENTATION_NAMES,
  type AugmentationName,
  augmentBy,
  FULL_MAGNITUDE,
  type Sign,
} from './magnitudes';
import { ownPixels } from './pixels';
import { defaultOperations, parsePolicy, type RandAugmentPolicy } from './rand_augment_policy';
import { randomOf, type Seed, type SeededRandom } from './random';

/** Options of `randAugment`. */
export interface RandAugmentOptions extends RandAugmentPolicy {
  /**
   * timm's string for the other options, which go before it. Default `'rand-m9-mstd0.5-inc1'`, the published
   * recipe's, where none of them is given.
   */
  policy?: string;
  /** How pixels between pixels are found; `'random'`: either, for each operation. Default `'bicubic'`. */
  interpolation?: Interpolation | 'random';
  /** Colour of what comes from outside the image, RGB, integers in 0..255. Default `[128, 128, 128]`. */
  fill?: readonly [number, number, number];
  /** An integer, or a generator that is drawn from. Default: another result each time. */
  seed?: Seed;
}

const POLICY: OptionNames<RandAugmentPolicy> = {
  numOps: true,
  magnitude: true,
  magnitudeStd: true,
  magnitudeMax: true,
  increasing: true,
  probability: true,
  operations: true,
};
/** All but the seed. */
export const UNSEEDED_OPTIONS: OptionNames<Omit<RandAugmentOptions, 'seed'>> = {
  policy: true,
  ...POLICY,
  interpolation: true,
  fill: true,
};
const OPTIONS: OptionNames<RandAugmentOptions> = { ...UNSEEDED_OPTIONS, seed: true };

/** The published recipe's policy. */
export const PUBLISHED_POLICY = 'rand-m9-mstd0.5-inc1';

/** Checked options, each with its value. */
export interface Augmentation extends Required<Omit<RandAugmentPolicy, 'increasing'>> {
  names: readonly AugmentationName[];
  /** Of each name; null where all are alike, and may be chosen again. */
  weights: readonly number[] | null;
  interpolation: Interpolation | 'random';
  fill: readonly number[];
}

/** The names to choose from, with weights where there are some. */
function choices(
  owner: string,
  operations: NonNullable<RandAugmentPolicy['operations']>,
): Pick<Augmentation, 'names' | 'weights'> {
  const isList = Array.isArray(operations);
  const given = (isList ? operations : Object.keys(operations ?? {})) as AugmentationName[];
  const unknown = given.find((name) => !AUGMENTATION_NAMES.includes(name));
  if (unknown !== undefined || typeof operations !== 'object') {
    const near = byNearness(String(unknown), AUGMENTATION_NAMES).slice(0, 3);
    throw new Error(
      `${owner}: operations has ${shown(unknown ?? operations)}; expected names such as ${near.join(', ')}`,
    );
  }
  const weights = isList ? given.map(() => 1) : (Object.values(operations) as unknown[]);
  requireRanges(
    owner,
    given.map((name, i) => {
      const weight = weights[i] as number;
      return [`operations.${name}`, weight, weight >= 0, 'from 0'];
    }),
  );
  const used = given.filter((_, i) => (weights[i] as number) > 0);
  if (used.length === 0) throw new Error(`${owner}: operations is empty; name at least one`);
  return {
    names: used,
    weights: isList ? null : (weights as number[]).filter((weight) => weight > 0),
  };
}

/**
 * What `randAugment` is to do, by its options.
 *
 * @throws {Error} when one is unknown or out of range
 */
export function augmentationOf(owner: string, options: RandAugmentOptions): Augmentation {
  requireOptions(owner, options, OPTIONS);
  const names = Object.keys(POLICY) as (keyof RandAugmentPolicy)[];
  const given = names.filter((name) => options[name] !== undefined);
  const text = options.policy ?? (given.length > 0 ? 'rand' : PUBLISHED_POLICY);
  const policy = parsePolicy(owner, text);
  for (const name of given) Object.assign(policy, { [name]: options[name] });
  const {
    numOps = 2,
    magnitude = FULL_MAGNITUDE,
    magnitudeStd = 0,
    magnitudeMax = FULL_MAGNITUDE,
    increasing = false,
    probability = 0.5,
    operations = defaultOperations(increasing),
  } = policy;
  const { interpolation = 'bicubic', fill = [128, 128, 128] } = options;
  requireInteger(owner, 'numOps', numOps, 0);
  requireRanges(owner, [
    ['magnitude', magnitude, magnitude >= 0, 'from 0'],
    ['magnitudeMax', magnitudeMax, magnitudeMax > 0, 'above 0'],
  ]);
  if (!(typeof magnitudeStd === 'number' && magnitudeStd >= 0)) {
    throw new Error(
      `${owner}: magnitudeStd is ${shown(magnitudeStd)}; expected a number from 0, above 100 for ` +
        'uniform magnitudes',
    );
  }
  requireProbability(owner, 'probability', probability);
  requireOneOf(owner, 'interpolation', interpolation, ['bilinear', 'bicubic', 'random']);
  requireColour(owner, 'fill', fill);
  const chosen = choices(owner, operations);
  if (chosen.weights && numOps > chosen.names.length) {
    throw new Error(
      `${owner}: numOps is ${numOps}, of ${chosen.names.length} weighted operations; each is chosen ` +
        'once at most',
    );
  }
  const numbers = { numOps, magnitude, magnitudeStd, magnitudeMax, probability };
  return { ...numbers, operations, ...chosen, interpolation, fill };
}

/** The operations for one image. */
function choose({ names, weights, numOps }: Augmentation, random: SeededRandom) {
  if (!weights) {
    const draw = () => names[random.integer(names.length)] as AugmentationName;
    return Array.from({ length: numOps }, draw);
  }
  const [left, shares] = [[...names], [...weights]];
  return Array.from({ length: numOps }, () => {
    let at = random.between(
      0,
      shares.reduce((a, b) => a + b, 0),
    );
    let i = 0;
    while (i < shares.length - 1 && at >= (shares[i] as number)) at -= shares[i++] as number;
    shares.splice(i, 1);
    return left.splice(i, 1)[0] as AugmentationName;
  });
}

function drawMagnitude(augmentation: Augmentation, random: SeededRandom): number {
  const { magnitude, magnitudeStd, magnitudeMax } = augmentation;
  const drawn =
    magnitudeStd === 0
      ? magnitude
      : magnitudeStd > 100
        ? random.between(0, magnitude)
        : magnitude + magnitudeStd * random.normal();
  return Math.max(0, Math.min(drawn, magnitudeMax));
}

/** An operation with all that is drawn for it. */
export interface DrawnOperation {
  name: AugmentationName;
  magnitude: number;
  sign: Sign;
  interpolation: Interpolation;
}

/** The operations that are carried out on one image, in their order. */
export function drawOperations(augmentation: Augmentation, random: SeededRandom): DrawnOperation[] {
  const { probability, interpolation } = augmentation;
  const names = choose(augmentation, random).filter(() => random.uniform() < probability);
  return names.map((name) => ({
    name,
    magnitude: drawMagnitude(augmentation, random),
    sign: random.uniform() < 0.5 ? 1 : -1,
    interpolation:
      interpolation === 'random'
        ? random.uniform() < 0.5
          ? 'bilinear'
          : 'bicubic'
        : interpolation,
  }));
}

/** An image after the operations that are drawn for it. */
export function augment(
  image: RgbImage,
  augmentation: Augmentation,
  random: SeededRandom,
): RgbImage {
  const { fill } = augmentation;
  return drawOperations(augmentation, random).reduce(
    (now, { name, magnitude, sign, interpolation }) =>
      augmentBy(name, now, magnitude, sign, { interpolation, fill }),
    image,
  );
}

/**
 * A few random operations on an image (Cubuk et al. 2019, arXiv 1909.13719), in timm's form: `numOps` operations are
 * chosen, each is carried out with a probability, at a magnitude that may vary about its mean. Each
 * operation gives the very bytes that it gives in Pillow.
 *
 * @param image RGB or RGBA pixels, 8 bits; alpha is dropped
 * @returns RGB pixels of the same size
 * @throws {Error} when the image is malformed, an option is unknown or out of range, or the string has an unknown key
 */
export function randAugment(image: PixelImage, options: RandAugmentOptions = {}): RgbImage {
  const augmentation = augmentationOf('randAugment', options);
  const rgb = toRgb(image);
  const random = randomOf('randAugment', options.seed);
  return ownPixels(augment(rgb, augmentation, random), image);
}
