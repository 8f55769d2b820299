/** What RandAugment is to do: timm's strings, such as `rand-m9-mstd0.5-inc1`, and the options they stand for. */
import { shown } from '../common/arguments';
import { AUGMENTATION_NAMES, type AugmentationName, FULL_MAGNITUDE } from './magnitudes';

/** How an image is augmented. */
export interface RandAugmentPolicy {
  /** Operations for each image (`n`). Default 2. */
  numOps?: number;
  /** How strong they are (`m`), 0..10. Default 10. */
  magnitude?: number;
  /**
   * Deviation of the magnitude (`mstd`), which is normal about `magnitude`; above 100, uniform from 0 to
   * `magnitude`. Default 0.
   */
  magnitudeStd?: number;
  /** What a magnitude is clipped to (`mmax`). Default 10. */
  magnitudeMax?: number;
  /** Whether all operations are to be stronger the larger the magnitude (`inc`). Default false. */
  increasing?: boolean;
  /** Probability that an operation which was chosen is carried out (`p`). Default 0.5. */
  probability?: number;
  /**
   * What is chosen from: names, each as probable as the others, with repetition, or weights by name,
   * without. Default: the 15 operations of timm, those of `increasing` or the others.
   */
  operations?: readonly AugmentationName[] | Partial<Record<AugmentationName, number>>;
}

/** The first 15 of timm by position; those that grow with the magnitude, and the others. */
const pick = (increasing: boolean) =>
  AUGMENTATION_NAMES.filter((name) =>
    increasing
      ? !AUGMENTATION_NAMES.includes(`${name}Increasing` as AugmentationName)
      : !name.endsWith('Increasing'),
  );

/** What is chosen from without a list. */
export const defaultOperations = (increasing: boolean): readonly AugmentationName[] =>
  pick(increasing);

/** timm's `tweights`: geometry more than colour. */
const WEIGHTS: Partial<Record<AugmentationName, number>> = {
  Rotate: 3,
  ShearX: 2,
  ShearY: 2,
  TranslateXRel: 1,
  TranslateYRel: 1,
  ColorIncreasing: 0.25,
  SharpnessIncreasing: 0.25,
  AutoContrast: 0.25,
  SolarizeIncreasing: 0.05,
  SolarizeAdd: 0.05,
  ContrastIncreasing: 0.05,
  BrightnessIncreasing: 0.05,
  Equalize: 0.05,
  PosterizeIncreasing: 0.05,
  Invert: 0.05,
};

/** timm's former `w0`: the same without the two that hardly leave anything of the image. */
function formerWeights(increasing: boolean): Partial<Record<AugmentationName, number>> {
  return Object.fromEntries(
    defaultOperations(increasing).flatMap((name) => {
      const grown = `${name}Increasing`;
      const weight = (WEIGHTS as Record<string, number>)[grown] ?? WEIGHTS[name] ?? 0;
      return /^(Posterize|Invert)/.test(name) ? [] : [[name, weight]];
    }),
  );
}

/** How each key of a string sets its option. */
const KEYS: Readonly<Record<string, (policy: RandAugmentPolicy, value: number) => void>> = {
  n: (policy, value) => (policy.numOps = value),
  m: (policy, value) => (policy.magnitude = value),
  mstd: (policy, value) => (policy.magnitudeStd = value),
  mmax: (policy, value) => (policy.magnitudeMax = value),
  inc: (policy, value) => (policy.increasing = value === 1),
  p: (policy, value) => (policy.probability = value),
};

const EXAMPLE = "such as 'rand-m9-mstd0.5-inc1'";

/**
 * The policy that a string of timm stands for: `rand`, then keys with numbers, each behind a dash: `n2`, `m9`,
 * `mstd0.5`, `mmax10`, `inc1`, `p0.5`, and `tweights` (its newer versions) or `w0` (its older ones) for weights.
 *
 * @throws {Error} when it does not begin with `rand`, or has a key that is not there, twice, or without its number
 */
export function parsePolicy(owner: string, text: unknown): RandAugmentPolicy {
  const fail = (what: string) =>
    new Error(
      `${owner}: policy is ${shown(text)}${what}; expected 'rand' with n, m, mstd, mmax, inc, p and a ` +
        `number each, tweights or w0, ${EXAMPLE}`,
    );
  const [head, ...sections] = typeof text === 'string' ? text.split('-') : [];
  if (head !== 'rand') throw fail('');
  const policy: RandAugmentPolicy = {};
  const seen = new Set<string>();
  let weights: string | undefined;
  for (const section of sections) {
    const [, key = '', digits = ''] = /^([a-z]+?)(\d+(?:\.\d+)?|\.\d+|inf)?$/.exec(section) ?? [];
    const isWeights = section === 'tweights' || section === 'w0';
    const name = isWeights ? 'weights' : key;
    if (seen.has(name)) throw fail(`, which has '${name}' twice`);
    seen.add(name);
    if (isWeights) {
      weights = section;
      continue;
    }
    if (!Object.hasOwn(KEYS, key)) throw fail(`, where nothing is called '${section}'`);
    const value = digits === 'inf' ? Infinity : Number(digits);
    const fits = key === 'inc' ? digits === '0' || digits === '1' : digits !== '';
    if (!fits) throw fail(`, where '${section}' has no such number`);
    KEYS[key]?.(policy, value);
  }
  if (weights === 'tweights') policy.operations = WEIGHTS;
  if (weights === 'w0') policy.operations = formerWeights(policy.increasing ?? false);
  return policy;
}

/** The strongest that a magnitude can be, without `magnitudeMax`. */
export const DEFAULT_MAGNITUDE_MAX = FULL_MAGNITUDE;
