/** How a detector is trained: what a caller gives in place of the published settings, checked. */
import { requireArgument, requireInteger, requireList, requireRanges } from '../common/arguments';
import { type OptionNames, requireOptions } from '../common/options';
import type { AssignmentRules, SamplingRules } from '../ops/detection/assignment';
import { DETECTION_TRAINING, type DetectionTraining } from './detection_targets';
import type { ProposalSettings } from './proposals';

const NAMES: OptionNames<DetectionTraining> = {
  proposals: true,
  anchors: true,
  anchorSamples: true,
  overlaps: true,
  regionSamples: true,
  headWeights: true,
  beta: true,
  boxWeight: true,
};
const PROPOSAL_NAMES: OptionNames<ProposalSettings> = {
  perLevel: true,
  most: true,
  threshold: true,
  leastSide: true,
};
const ASSIGNMENT_NAMES: OptionNames<AssignmentRules> = {
  positive: true,
  negative: true,
  lowQuality: true,
};
const SAMPLING_NAMES: OptionNames<SamplingRules> = { count: true, positiveShare: true };

const isShare = (value: number) => value >= 0 && value <= 1;

/**
 * The published settings, with what is given in their place. Lists of settings (`proposals`, `anchors`, ...) are given
 * whole.
 *
 * @param heads how many heads the cascade has
 * @throws {Error} when a setting is unknown, missing in a list that is given, or out of range, or there are not as many
 *   as heads
 */
export function detectionTraining(owner: string, given: unknown, heads: number): DetectionTraining {
  const name = `${owner}: training`;
  requireOptions(name, given, NAMES);
  const known = Object.entries(given as object).filter(([, value]) => value !== undefined);
  const training = {
    ...DETECTION_TRAINING,
    ...(Object.fromEntries(known) as Partial<DetectionTraining>),
  };
  requireHeads(owner, training, heads);
  const { beta, boxWeight, proposals, anchors, anchorSamples, regionSamples } = training;
  requireRanges(owner, [
    ['training.beta', beta, beta > 0, 'above 0'],
    ['training.boxWeight', boxWeight, boxWeight >= 0, 'of at least 0'],
  ]);
  requireOptions(`${name}.proposals`, proposals, PROPOSAL_NAMES);
  const { perLevel, most, threshold, leastSide } = proposals;
  requireInteger(owner, 'training.proposals.perLevel', perLevel, 1);
  requireInteger(owner, 'training.proposals.most', most, 0);
  requireRanges(owner, [
    ['training.proposals.threshold', threshold, isShare(threshold), 'from 0 to 1'],
    ['training.proposals.leastSide', leastSide, leastSide >= 0, 'of at least 0'],
  ]);
  requireOptions(`${name}.anchors`, anchors, ASSIGNMENT_NAMES);
  const { positive, negative, lowQuality = 0 } = anchors;
  const isBelow = isShare(negative) && negative <= positive;
  requireRanges(owner, [
    ['training.anchors.positive', positive, isShare(positive), 'from 0 to 1'],
    ['training.anchors.negative', negative, isBelow, 'from 0 to positive'],
    ['training.anchors.lowQuality', lowQuality, isShare(lowQuality), 'from 0 to 1'],
  ]);
  for (const [key, rules] of Object.entries({ anchorSamples, regionSamples })) {
    requireOptions(`${name}.${key}`, rules, SAMPLING_NAMES);
    const { count, positiveShare } = rules;
    requireInteger(owner, `training.${key}.count`, count, 0);
    const text = `training.${key}.positiveShare`;
    requireRanges(owner, [[text, positiveShare, isShare(positiveShare), 'from 0 to 1']]);
  }
  return training;
}

/** Asserts what there is one of for each head. */
function requireHeads(
  owner: string,
  { overlaps, headWeights }: DetectionTraining,
  heads: number,
): void {
  for (const [key, list] of Object.entries({ overlaps, headWeights })) {
    const name = `training.${key}`;
    requireList(owner, name, list, 'numbers, one for each head');
    const expected = `${heads} numbers, one for each head of the cascade`;
    if (list.length !== heads) {
      throw new Error(`${owner}: ${name} has ${list.length} numbers; expected ${expected}`);
    }
    requireArgument(owner, name, list, Object.keys(list).length === heads, expected);
  }
  requireRanges(owner, [
    ...overlaps.map((v, i) => [`training.overlaps[${i}]`, v, isShare(v), 'from 0 to 1'] as const),
    ...headWeights.map(
      (v, i) => [`training.headWeights[${i}]`, v, v >= 0, 'of at least 0'] as const,
    ),
  ]);
}
