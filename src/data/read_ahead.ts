/** Examples read ahead of their use, batch by batch, broken ones left out where they may be. */
import { messageOf } from '../common/messages';
import type { SkippedExample } from './example_source';

/** Options of `readAhead`. */
export interface ReadAheadOptions {
  batchSize: number;
  /** Numbers of the examples, in the order in which they are read. */
  order: Int32Array;
  /** Batches that are read ahead. Default 2. */
  ahead?: number;
  /** Told of examples that cannot be read, which are left out then. Default: they are errors. */
  onSkip?: (skipped: SkippedExample) => void;
  signal?: AbortSignal;
}

/** What was read of a slice of the order. */
export interface ReadExamples<Example> {
  readonly examples: readonly Example[];
  /** The number of each. */
  readonly indices: Int32Array;
  /** How many places of the order are read with it, what was left out included. */
  readonly end: number;
}

type Outcome<Example> = { example: Example } | { error: unknown };

/**
 * Reads slice after slice of an order, the last one maybe smaller. While one is used the next are read. Broken
 * examples, where they are left out, make a slice smaller, and others keep their places; of a slice that has none left
 * nothing is given.
 *
 * @param read reads one, by its number
 * @throws {Error} when an example cannot be read, which it names
 * @throws what `signal` was aborted with
 */
export async function* readAhead<Example>(
  owner: string,
  nameOf: (index: number) => string,
  read: (index: number) => Promise<Example>,
  { batchSize, order, ahead = 2, onSkip, signal }: ReadAheadOptions,
): AsyncGenerator<ReadExamples<Example>, void> {
  const waiting: Promise<Outcome<Example>>[] = [];
  let begun = 0;
  for (let start = 0; start < order.length; start += batchSize) {
    const indices = order.subarray(start, start + batchSize);
    while (begun < Math.min(order.length, start + (1 + ahead) * batchSize)) {
      waiting.push(outcomeOf(() => read(order[begun] as number)));
      begun++;
    }
    const examples: Example[] = [];
    const kept: number[] = [];
    for (const index of indices) {
      signal?.throwIfAborted();
      const outcome = await (waiting.shift() as Promise<Outcome<Example>>);
      if ('example' in outcome) {
        examples.push(outcome.example);
        kept.push(index);
      } else {
        const message = messageOf(outcome.error);
        if (!onSkip) {
          throw new Error(
            `${owner}: example ${index} cannot be read: ${message}. Mend it, take it away, or have what cannot ` +
              "be read left out: onError: 'skip', on the command line --skip-broken",
            { cause: outcome.error },
          );
        }
        onSkip({ index, name: nameOf(index), message });
      }
    }
    signal?.throwIfAborted();
    if (examples.length === 0) continue;
    yield { examples, indices: Int32Array.from(kept), end: start + indices.length };
  }
}

/** Never rejects: what is read ahead may never be waited for. */
async function outcomeOf<Example>(read: () => Promise<Example>): Promise<Outcome<Example>> {
  try {
    return { example: await read() };
  } catch (error) {
    return { error };
  }
}

/** All examples as they are, where no order is given. */
export function orderOf(length: number, order: ArrayLike<number> | undefined): Int32Array {
  return order ? Int32Array.from(order) : Int32Array.from({ length }, (_, i) => i);
}
