/** Texts to what a text classifier by name takes. */
import * as tf from '@tensorflow/tfjs-core';

import { requireArgument } from '../common/arguments';
import { type OptionNames, requireOptions } from '../common/options';
import { trigramIds, type TrigramOptions } from './trigram_ids';

type Record = Readonly<TrigramOptions> & object;

const OPTIONS: OptionNames<TrigramOptions> = { vocabularySize: true, maxLength: true };

/**
 * Turns texts into ids, as `trigramIds` does, for `createModel('revcol_text_femto.languages')`.
 *
 * @param texts one or several
 * @param record from `textWeights(name)`, or options of `trigramIds`
 * @returns `[texts, longest]`, int32, filled up with 0; the caller disposes it
 * @throws {Error} when `texts` are no strings or none, or the record has no `vocabularySize` or `maxLength`
 */
export function preprocessTexts(texts: string | readonly string[], record: Record): tf.Tensor2D {
  const owner = 'preprocessTexts';
  const all = typeof texts === 'string' ? [texts] : texts;
  const fits =
    Array.isArray(all) && all.length > 0 && all.every((text) => typeof text === 'string');
  requireArgument(owner, 'texts', texts, fits, 'a string or a list of strings, not empty');
  const { vocabularySize, maxLength } = record ?? {};
  const options = { vocabularySize, maxLength };
  requireOptions(owner, options, OPTIONS);
  const rows = all.map((text) => trigramIds(text, options));
  const longest = Math.max(...rows.map(({ length }) => length));
  const values = new Int32Array(rows.length * longest);
  rows.forEach((row, i) => values.set(row, i * longest));
  return tf.tensor2d(values, [rows.length, longest], 'int32');
}
