/** Texts to what a text classifier by name takes. */
import * as tf from '@tensorflow/tfjs-core';

import { requireArgument } from '../common/arguments';
import { requireTrigramOptions, trigramIds, type TrigramOptions } from './trigram_ids';

/**
 * Turns texts into ids, as `trigramIds` does, for `createModel('revcol_text_femto.languages')`.
 *
 * @param texts one or several
 * @param record from `textWeights(name)`, or options of `trigramIds`
 * @returns `[texts, longest]`, int32, filled up with 0; the caller disposes it
 * @throws {Error} when `texts` are no strings or none, or the record has no `vocabularySize` or `maxLength`
 */
export function preprocessTexts(
  texts: string | readonly string[],
  record: TrigramOptions,
): tf.Tensor2D {
  const owner = 'preprocessTexts';
  // Holes of a list are undefined then, which is no string.
  const all = typeof texts === 'string' ? [texts] : Array.isArray(texts) ? Array.from(texts) : [];
  const fits = all.length > 0 && all.every((text) => typeof text === 'string');
  requireArgument(owner, 'texts', texts, fits, 'a string or a list of strings, not empty');
  const options = requireTrigramOptions(owner, record);
  const rows = (all as string[]).map((text) => trigramIds(text, options));
  const longest = rows.reduce((most, { length }) => Math.max(most, length), 0);
  const values = new Int32Array(rows.length * longest);
  rows.forEach((row, i) => values.set(row, i * longest));
  return tf.tensor2d(values, [rows.length, longest], 'int32');
}
