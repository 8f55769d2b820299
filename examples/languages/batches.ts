/** Parts of sentences as batches of ids. */
import * as tf from '@tensorflow/tfjs';

import { trigramIds, type TrigramOptions } from 'tfjs-revcol/text';
import { type SeededRandom, seededRandom } from 'tfjs-revcol/training';
import { padded } from '../shared/batches';
import { CODES, type Corpus } from './data';

/** Ids `[batch, longest]` and labels `[batch]`, both int32; the caller disposes them. */
export interface Batch {
  ids: tf.Tensor2D;
  labels: tf.Tensor1D;
}

/** A text and its language's place in `CODES`. */
export interface Sample {
  text: string;
  label: number;
}

/** Most characters of a part; each batch has one of them, so that little of it is padding. */
const LENGTHS = [12, 24, 40, 64];

/** How often a part begins where its sentence does. */
const FROM_START = 0.5;

/** How often accents are left out, as people do who have no keys for them. */
const WITHOUT_ACCENTS = 0.05;

/** Keeps these draws apart from others of the same seed. */
const PURPOSE = 0x6c616e67;

export function toBatch(samples: readonly Sample[], options: TrigramOptions): Batch {
  return {
    ids: padded(samples.map(({ text }) => trigramIds(text, options))),
    labels: tf.tensor1d(
      Int32Array.from(samples, ({ label }) => label),
      'int32',
    ),
  };
}

/**
 * Parts of random sentences: every language as often, and of a language every source as often as the other.
 *
 * @param seed of the run and number of the step, which all draws depend on
 */
export function trainingBatch(
  corpus: Corpus,
  batchSize: number,
  options: TrigramOptions,
  seed: readonly [run: number, step: number],
): Batch {
  const random = seededRandom(seed[0], PURPOSE, seed[1]);
  const most = LENGTHS[random.integer(LENGTHS.length)] as number;
  const samples = Array.from({ length: batchSize }, (): Sample => {
    const label = random.integer(CODES.length);
    const sources = corpus[CODES[label] as keyof Corpus];
    const sentences = sources[random.integer(sources.length)] as string[];
    const sentence = sentences[random.integer(sentences.length)] as string;
    return { text: partOf(sentence, most, random), label };
  });
  return toBatch(samples, options);
}

/** Up to `most` characters of a sentence, half as many at least where it is that long, from the start of a word. */
function partOf(sentence: string, most: number, random: SeededRandom): string {
  const characters = Array.from(sentence);
  const length = Math.ceil(most / 2) + random.integer(Math.floor(most / 2) + 1);
  const last = characters.length - length;
  let start = 0;
  if (last > 0 && random.uniform() >= FROM_START) {
    start = random.integer(last + 1);
    const gap = characters.indexOf(' ', start);
    // Some scripts have no spaces between words.
    if (start > 0 && gap >= 0 && gap < last) start = gap + 1;
  }
  const part = characters.slice(start, start + length).join('');
  if (random.uniform() >= WITHOUT_ACCENTS) return part;
  return part.normalize('NFD').replace(/[\u0300-\u036f]/g, '');
}
