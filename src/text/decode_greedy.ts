/** Greedy decoding, and the loop of everything that follows one sequence per prompt. */
import { type OptionNames, requireOptions } from '../common/options';
import { checkDecoding, type Stepper, withStepper } from './decode_steps';
import { DECODE_OPTIONS, type Decoded, type DecodeOptions, type StepModel } from './step_model';

/** Options of decoding one sequence per prompt. */
export interface SequentialOptions extends DecodeOptions {
  /**
   * Called after every step that gives a token with each prompt's newest; null for those that ended
   * before and for those that are still being read. For showing text as it is written.
   */
  onToken?: (ids: readonly (number | null)[]) => void;
}

/** Their names. */
export const SEQUENTIAL_OPTIONS: OptionNames<SequentialOptions> = {
  ...DECODE_OPTIONS,
  onToken: true,
};

/** Chooses the next token, given log-probabilities. */
export type Chooser = (logProbs: Float64Array) => number;

/**
 * Greedy decoding: the most probable token at every step (of equals, the lowest id).
 *
 * @param prompts token ids, one row per sequence, of any lengths from 1. What is longer than the
 *   shortest is read token by token while that goes on: alike lengths take the fewest steps
 * @returns one sequence per prompt, as if it had been alone
 * @throws {Error} when prompts or options are out of range, or the logits are not numbers
 */
export function greedySearch(
  model: StepModel,
  prompts: readonly (readonly number[])[],
  options: SequentialOptions,
): Promise<Decoded[]> {
  requireOptions('greedySearch', options, SEQUENTIAL_OPTIONS);
  return decodeGreedily('greedySearch', model, prompts, options);
}

/** `greedySearch` in the name of another function, which has checked the names of the options. */
export function decodeGreedily(
  owner: string,
  model: StepModel,
  prompts: readonly (readonly number[])[],
  options: SequentialOptions,
): Promise<Decoded[]> {
  checkDecoding(owner, prompts, options, 'any lengths');
  return decodeSequentially(owner, model, prompts, options, indexOfLargest);
}

/** Extends every prompt token by token; sequences that have ended leave the batch. */
export function decodeSequentially(
  owner: string,
  model: StepModel,
  prompts: readonly (readonly number[])[],
  options: SequentialOptions,
  choose: Chooser,
): Promise<Decoded[]> {
  return withStepper(owner, model, options, (stepper) => run(stepper, prompts, options, choose));
}

/**
 * All sequences are at the same place at all times, so that one cache serves them and nothing is
 * filled up: where a prompt goes on, its next token is given instead of one that was chosen.
 */
async function run(
  stepper: Stepper,
  prompts: readonly (readonly number[])[],
  { maxNewTokens, endId, onToken }: SequentialOptions,
  choose: Chooser,
): Promise<Decoded[]> {
  const results = prompts.map((): Decoded => ({ ids: [], logProb: 0, ended: false }));
  const isDone = ({ ids, ended }: Decoded) => ended || ids.length === maxNewTokens;
  let live = results.map((_, i) => i);
  let place = Math.min(...prompts.map((prompt) => prompt.length));
  let next = prompts.map((prompt) => prompt.slice(0, place));
  while (live.length > 0) {
    const logProbs = await stepper.step(next);
    const newest = results.map((): number | null => null);
    live.forEach((index, row) => {
      if (place < (prompts[index] as readonly number[]).length) return;
      const result = results[index] as Decoded;
      const id = choose(logProbs[row] as Float64Array);
      result.logProb += logProbs[row]?.[id] as number;
      if (id === endId) result.ended = true;
      else result.ids.push(id);
      newest[index] = id;
    });
    if (newest.some((id) => id != null)) onToken?.(newest);
    const rows = live.flatMap((index, row) => (isDone(results[index] as Decoded) ? [] : [row]));
    if (rows.length > 0 && rows.length < live.length) stepper.select(rows);
    live = rows.map((row) => live[row] as number);
    next = live.map((index) => [newest[index] ?? (prompts[index]?.[place] as number)]);
    place++;
  }
  return results;
}

function indexOfLargest(values: Float64Array): number {
  let best = 0;
  for (let i = 1; i < values.length; i++) {
    if ((values[i] as number) > (values[best] as number)) best = i;
  }
  return best;
}
