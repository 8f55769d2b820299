/** What the evaluations of segmenters and detectors share: options, names of classes, and the pictures one by one. */
import type * as tfl from '@tensorflow/tfjs-layers';

import { requireFunction, requireModel, requireOneOf } from '../common/arguments';
import { messageOf } from '../common/messages';
import { metadataOf } from '../common/model_metadata';
import type { OptionNames } from '../common/options';
import { matchClasses, requireClassNames } from '../data/class_names';
import { requireSomeRead, type SkippedExample } from '../data/example_source';
import { orderOf, readAhead } from '../data/read_ahead';

/** Options of every evaluation of pictures. */
export interface ScoringOptions {
  /**
   * Names of the model's classes, in its order: the data's classes are found among them by name. Default:
   * `classNames` of the model's user-defined metadata, else the data's own.
   */
  classNames?: readonly string[];
  /** What becomes of pictures that cannot be read: `'skip'` leaves out and reports them. Default `'throw'`. */
  onError?: 'throw' | 'skip';
  /** Told how many pictures are done, and of how many. */
  onProgress?: (done: number, total: number) => void;
  /** Stops before the next window or part of the model, and rejects with the signal's reason. */
  signal?: AbortSignal;
}

export const SCORING_OPTIONS: OptionNames<ScoringOptions> = {
  classNames: true,
  onError: true,
  onProgress: true,
  signal: true,
};

/** Asserts a model, and what is told when pictures cannot be read and as they are done. */
export function requireScoring(owner: string, model: unknown, options: ScoringOptions): void {
  requireModel(owner, model);
  const { onError = 'throw', onProgress } = options;
  requireOneOf(owner, 'onError', onError, ['throw', 'skip']);
  if (onProgress !== undefined) requireFunction(owner, 'onProgress', onProgress);
}

/**
 * Names of a model's classes, and by the data's classes their numbers in the model.
 *
 * @param count of the model's classes
 * @throws {Error} when names are wrong, or the data have a class that the model has not
 */
export function scoredClasses(
  owner: string,
  model: tfl.LayersModel,
  source: { readonly classNames: readonly string[] },
  classNames: readonly string[] | undefined,
  count: number,
): { names: readonly string[]; numbers: readonly number[] } {
  if (classNames !== undefined) requireClassNames(owner, classNames);
  const known = classNames ?? metadataOf(model).classNames;
  const numbers = matchClasses(owner, source.classNames, known, count);
  const names = Array.from(
    { length: count },
    (_, c) => known?.[c] ?? source.classNames[numbers.indexOf(c)] ?? String(c),
  );
  return { names, numbers };
}

/** The pictures of a source. */
interface Pictures {
  readonly length: number;
  name(index: number): string;
}

/**
 * Scores pictures one at a time; the next are read meanwhile.
 *
 * @param read a picture with what is known of it
 * @param score looks at it and counts what it finds
 * @param order numbers of the pictures. Default: all
 * @throws {Error} when a picture cannot be read or scored, which is named, or none can be read
 * @throws {unknown} `signal.reason` when stopped
 */
export async function scorePictures<
  Example extends { readonly image: { readonly width: number; readonly height: number } },
>(
  owner: string,
  source: Pictures,
  read: (index: number) => Promise<Example>,
  score: (example: Example, index: number) => Promise<void>,
  { onError, onProgress, signal }: ScoringOptions,
  order?: readonly number[],
): Promise<{ pictures: number; skipped: readonly SkippedExample[] }> {
  const skipped: SkippedExample[] = [];
  const all = orderOf(source.length, order);
  const reading = {
    order: all,
    batchSize: 1,
    signal,
    ...(onError === 'skip' ? { onSkip: (one: SkippedExample) => void skipped.push(one) } : {}),
  };
  const name = (index: number) => source.name(index);
  let pictures = 0;
  for await (const { examples, indices, end } of readAhead(owner, name, read, reading)) {
    const [example] = examples as [Example];
    const [index] = indices as unknown as [number];
    try {
      await score(example, index);
    } catch (error) {
      signal?.throwIfAborted();
      const { width, height } = example.image;
      throw new Error(
        `${owner}: ${name(index)}, ${width} x ${height} pixels, cannot be evaluated: ${messageOf(error)}`,
        { cause: error },
      );
    }
    pictures++;
    onProgress?.(end, all.length);
  }
  requireSomeRead(owner, pictures, skipped);
  return { pictures, skipped };
}
