/** What all ways of decoding share: checks, running a step, and log-probabilities. */
import * as tf from '@tensorflow/tfjs-core';

import { requireFunction, requireInteger, requireList } from '../common/arguments';
import { KeyValueCache } from '../ops/attention/cache';
import { readTensor } from '../ops/engine/lost_backend';
import type { DecodeOptions, StepModel } from './step_model';

/** Log-probabilities of the next token, one row per sequence; suppressed tokens have -Infinity. */
export type LogProbs = Float64Array[];

/** Whether prompts may differ in length: one sequence per prompt can wait for another's, beams cannot. */
export type PromptLengths = 'any lengths' | 'one length';

/**
 * Asserts that prompts are rows of tokens, of the lengths allowed, and that the common options are in
 * range.
 *
 * @param owner function that the caller called, for the messages
 */
export function checkDecoding(
  owner: string,
  prompts: readonly (readonly number[])[],
  options: DecodeOptions,
  lengths: PromptLengths,
): void {
  requirePrompts(owner, prompts, lengths);
  const { maxNewTokens, endId, suppressIds = [] } = options;
  requireList(owner, 'suppressIds', suppressIds, 'ids');
  requireInteger(owner, 'maxNewTokens', maxNewTokens, 1);
  if (endId != null) requireInteger(owner, 'endId', endId, 0);
  for (const id of suppressIds) requireInteger(owner, 'a suppressed id', id, 0);
  if (endId != null && suppressIds.includes(endId)) {
    throw new Error(`${owner}: endId ${endId} is among suppressIds, so no sequence could end`);
  }
}

function requirePrompts(owner: string, prompts: unknown, lengths: PromptLengths): void {
  requireIdLists(owner, 'prompts', prompts, 'such as [[5, 8, 13], [21]], one list for each text');
  const counts = prompts.map((p) => p.length);
  const isUneven = lengths === 'one length' && counts.some((count) => count !== counts[0]);
  if (counts.length === 0 || counts.includes(0) || isUneven) {
    throw new Error(
      `${owner}: prompts of ${counts.join(', ') || 'no'} tokens; expected at least one prompt, ` +
        (lengths === 'one length'
          ? `all of the same length from 1. Decode prompts of other lengths separately`
          : `each of at least one token`),
    );
  }
  for (const id of prompts.flat()) requireInteger(owner, 'a prompt token', id, 0);
}

/**
 * Asserts lists of ids, one per text.
 *
 * @param form what they look like, for the message
 */
export function requireIdLists(
  owner: string,
  name: string,
  lists: unknown,
  form: string,
): asserts lists is unknown[][] {
  if (Array.isArray(lists) && lists.every((list) => Array.isArray(list))) return;
  const typed = [lists].flat().find((list) => ArrayBuffer.isView(list)) as object | undefined;
  if (typed) {
    throw new Error(
      `${owner}: ${name} hold a ${typed.constructor.name}; expected lists of ids, which Array.from makes ` +
        `of it`,
    );
  }
  throw new Error(`${owner}: ${name} are no list of lists of ids; expected ${form}`);
}

/** Asserts that ids are below the size of a model's vocabulary. What is no number is left to others. */
export function requireKnownIds(
  owner: string,
  name: string,
  ids: readonly unknown[],
  vocabulary: number,
): void {
  const unknown = ids.find((id) => typeof id === 'number' && id >= vocabulary);
  if (unknown === undefined) return;
  throw new Error(
    `${owner}: ${name} is ${unknown as number}; expected ids from 0 to ${vocabulary - 1}, of the ` +
      `model's vocabulary of ${vocabulary}`,
  );
}

/**
 * Runs `fn` with a stepper on a new cache, and frees the cache afterwards, also when it throws.
 *
 * @param owner function that the caller called, for the messages
 */
export async function withStepper<T>(
  owner: string,
  model: StepModel,
  options: DecodeOptions,
  fn: (stepper: Stepper) => Promise<T>,
): Promise<T> {
  requireFunction('StepModel', 'step', model?.step);
  const stepper = new Stepper(owner, model, options);
  try {
    return await fn(stepper);
  } finally {
    stepper.dispose();
  }
}

/** A model and the sequences that it is in the middle of. */
export class Stepper {
  private readonly cache = new KeyValueCache();

  constructor(
    private readonly owner: string,
    private readonly model: StepModel,
    private readonly options: DecodeOptions,
  ) {}

  /** Gives every sequence its new tokens and reads what may follow. */
  async step(ids: readonly (readonly number[])[]): Promise<LogProbs> {
    const shape: [number, number] = [ids.length, ids[0]?.length ?? 0];
    const logits = tf.tidy(() => {
      const scores = this.model.step(tf.tensor2d(ids.flat(), shape, 'int32'), this.cache);
      if (scores.rank !== 2 || scores.shape[0] !== shape[0]) {
        throw new Error(
          `${this.owner}: the model's step gave logits of shape [${scores.shape.join(', ')}] for ${shape[0]} ` +
            `sequences; expected [${shape[0]}, vocabulary]: those after the last token`,
        );
      }
      this.requireEnd(scores.shape[1]);
      return scores;
    });
    try {
      const values = (await readTensor(logits)) as Float32Array;
      const vocabulary = logits.shape[1];
      return ids.map((_, row) =>
        logSoftmax(
          values.subarray(row * vocabulary, (row + 1) * vocabulary),
          this.owner,
          this.options,
        ),
      );
    } finally {
      logits.dispose();
    }
  }

  /** Asserts that sequences can end. */
  private requireEnd(vocabulary: number): void {
    const { endId } = this.options;
    if (endId == null || endId < vocabulary) return;
    throw new Error(
      `${this.owner}: endId is ${endId}; expected an id from 0 to ${vocabulary - 1}, of the model's ` +
        `vocabulary of ${vocabulary}, or none`,
    );
  }

  /** Goes on with a choice of the sequences, by their rows in the last step. */
  select(rows: readonly number[]): void {
    this.cache.gather(rows);
  }

  dispose(): void {
    this.cache.dispose();
  }
}

/** In double precision, so that decoding is the same on every backend that gives these logits. */
function logSoftmax(
  logits: Float32Array,
  owner: string,
  { suppressIds = [] }: DecodeOptions,
): Float64Array {
  const result = Float64Array.from(logits);
  for (const id of suppressIds) if (id < result.length) result[id] = -Infinity;
  let largest = -Infinity;
  for (const value of result) {
    if (Number.isNaN(value)) {
      throw new Error(
        `${owner}: the model gave logits that are not numbers (NaN); check its weights`,
      );
    }
    if (value > largest) largest = value;
  }
  if (largest === -Infinity) {
    throw new Error(`${owner}: no token is left to choose; suppress fewer ids`);
  }
  let sum = 0;
  for (const value of result) sum += Math.exp(value - largest);
  const shift = largest + Math.log(sum);
  return result.map((value) => value - shift);
}
