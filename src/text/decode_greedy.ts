/** Greedy decoding, and the loop of everything that follows one sequence per prompt. */
import { checkDecoding, type Stepper, withStepper } from './decode_steps';
import type { Decoded, DecodeOptions, StepModel } from './step_model';

/** Options of decoding one sequence per prompt. */
export interface SequentialOptions extends DecodeOptions {
  /**
   * Called after every step with each prompt's newest token; null for those that ended before. For
   * showing text as it is written.
   */
  onToken?: (ids: readonly (number | null)[]) => void;
}

/** Chooses the next token, given log-probabilities. */
export type Chooser = (logProbs: Float64Array) => number;

/**
 * Greedy decoding: the most probable token at every step (of equals, the lowest id).
 *
 * @param prompts token ids, one row per sequence, all of the same length from 1
 * @returns one sequence per prompt
 * @throws {Error} when prompts or options are out of range, or the logits are not numbers
 */
export function greedySearch(
  model: StepModel,
  prompts: readonly (readonly number[])[],
  options: SequentialOptions,
): Promise<Decoded[]> {
  checkDecoding('greedySearch', prompts, options);
  return decodeSequentially(model, prompts, options, indexOfLargest);
}

/** Extends every prompt token by token; sequences that have ended leave the batch. */
export function decodeSequentially(
  model: StepModel,
  prompts: readonly (readonly number[])[],
  options: SequentialOptions,
  choose: Chooser,
): Promise<Decoded[]> {
  return withStepper(model, options, (stepper) => run(stepper, prompts, options, choose));
}

async function run(
  stepper: Stepper,
  prompts: readonly (readonly number[])[],
  { maxNewTokens, endId, onToken }: SequentialOptions,
  choose: Chooser,
): Promise<Decoded[]> {
  const results = prompts.map((): Decoded => ({ ids: [], logProb: 0, ended: false }));
  let live = results.map((_, i) => i);
  let next = prompts;
  for (let count = 0; count < maxNewTokens; count++) {
    const logProbs = await stepper.step(next);
    const newest = results.map((): number | null => null);
    live.forEach((index, row) => {
      const result = results[index] as Decoded;
      const id = choose(logProbs[row] as Float64Array);
      result.logProb += logProbs[row]?.[id] as number;
      if (id === endId) result.ended = true;
      else result.ids.push(id);
      newest[index] = id;
    });
    onToken?.(newest);
    const rows = live.flatMap((index, row) => (results[index]?.ended ? [] : [row]));
    if (rows.length === 0) break;
    if (rows.length < live.length) stepper.select(rows);
    live = rows.map((row) => live[row] as number);
    next = live.map((index) => [newest[index] as number]);
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
