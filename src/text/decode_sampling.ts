/** Drawing tokens at random: temperature, top-k, top-p. */
import { requireInteger, shown } from '../common/arguments';
import { type OptionNames, requireOptions } from '../common/options';
import { seededRandom } from '../ops/engine/random';
import { decodeSequentially, SEQUENTIAL_OPTIONS, type SequentialOptions } from './decode_greedy';
import { checkDecoding } from './decode_steps';
import type { Decoded, StepModel } from './step_model';

/** Options of `sampleTokens`. */
export interface SamplingOptions extends SequentialOptions {
  /** Divides the logits; above 0. Small: close to greedy. Default 1. */
  temperature?: number;
  /** Only so many of the most probable tokens may be drawn. Default: all. */
  topK?: number;
  /**
   * Only the most probable tokens that together reach this probability may be drawn, in (0, 1]
   * (Holtzman et al. 2020, arXiv 1904.09751). Applied after `temperature` and `topK`. Default 1.
   */
  topP?: number;
  /** Makes the draws repeatable. Default: other draws every time. */
  seed?: number;
}

/** Their names. */
export const SAMPLING_OPTIONS: OptionNames<SamplingOptions> = {
  ...SEQUENTIAL_OPTIONS,
  temperature: true,
  topK: true,
  topP: true,
  seed: true,
};

/**
 * Draws every token at random by its probability. All prompts of a call share the random numbers: with
 * a seed the draws repeat for the same prompts in the same order, not for each prompt alone.
 *
 * @param prompts token ids, one row per sequence, of any lengths from 1, as in `greedySearch`
 * @returns one sequence per prompt; its `logProb` is the model's own, before temperature and cuts
 * @throws {Error} when prompts or options are out of range, or the logits are not numbers
 */
export function sampleTokens(
  model: StepModel,
  prompts: readonly (readonly number[])[],
  options: SamplingOptions,
): Promise<Decoded[]> {
  requireOptions('sampleTokens', options, SAMPLING_OPTIONS);
  return decodeBySampling('sampleTokens', model, prompts, options);
}

/** `sampleTokens` in the name of another function, which has checked the names of the options. */
export function decodeBySampling(
  owner: string,
  model: StepModel,
  prompts: readonly (readonly number[])[],
  options: SamplingOptions,
): Promise<Decoded[]> {
  checkDecoding(owner, prompts, options, 'any lengths');
  const { temperature = 1, topK, topP = 1, seed } = options;
  if (!(temperature > 0 && Number.isFinite(temperature))) {
    const greedy = owner === 'sampleTokens' ? 'greedySearch' : '0';
    throw new Error(
      `${owner}: temperature is ${shown(temperature)}; expected a number above 0 (${greedy} always takes the ` +
        `most probable token)`,
    );
  }
  if (topK != null) requireInteger(owner, 'topK', topK, 1);
  if (!(topP > 0 && topP <= 1)) {
    throw new Error(`${owner}: topP is ${shown(topP)}; expected a number in (0, 1]`);
  }
  if (seed != null) requireInteger(owner, 'seed', seed, 0);
  const random = seed == null ? Math.random : seededRandom(seed);
  return decodeSequentially(owner, model, prompts, options, (logProbs) =>
    draw(candidates(logProbs, temperature, topK, topP), random()),
  );
}

interface Candidates {
  ids: number[];
  /** Not normalised. */
  weights: number[];
}

/** Tokens that may be drawn, the most probable first. */
function candidates(
  logProbs: Float64Array,
  temperature: number,
  topK = logProbs.length,
  topP: number,
): Candidates {
  const order = Array.from(logProbs.keys()).filter((id) => (logProbs[id] as number) > -Infinity);
  const at = (id: number) => logProbs[id] as number;
  order.sort((a, b) => at(b) - at(a) || a - b);
  const ids = order.slice(0, topK);
  const largest = at(ids[0] as number);
  const weights = ids.map((id) => Math.exp((at(id) - largest) / temperature));
  const goal = topP * weights.reduce((a, b) => a + b, 0);
  let sum = 0;
  let count = 0;
  while (count < ids.length && (count === 0 || sum < goal)) sum += weights[count++] as number;
  return { ids: ids.slice(0, count), weights: weights.slice(0, count) };
}

/** @param u uniform on [0, 1) */
function draw({ ids, weights }: Candidates, u: number): number {
  let rest = u * weights.reduce((a, b) => a + b, 0);
  for (let i = 0; i < ids.length; i++) {
    rest -= weights[i] as number;
    if (rest < 0) return ids[i] as number;
  }
  return ids[ids.length - 1] as number;
}
