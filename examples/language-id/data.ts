/** Texts in 14 languages as bytes. */
import * as tf from '@tensorflow/tfjs';

import { padded } from '../shared/batches';
import { type Diagnostic, type Language, LANGUAGES } from '../shared/diagnostics';

/** What to tell apart: English and the 13 languages of TypeScript's package. */
export const CLASSES: readonly Language[] = ['en', ...LANGUAGES];

/** Bytes of a text that the models see, from its start. */
export const BYTES = 48;

/** Ids: 0 is padding, a byte is its value plus 1. */
export const VOCABULARY = 257;

/** A text and its language. */
export interface Sample {
  ids: number[];
  /** Place in `CLASSES`. */
  label: number;
}

/** Every message in every language. */
export function toSamples(diagnostics: readonly Diagnostic[]): Sample[] {
  return diagnostics.flatMap((diagnostic) =>
    CLASSES.map((language, label) => ({
      ids: [...Buffer.from(diagnostic[language], 'utf8').subarray(0, BYTES)].map((b) => b + 1),
      label,
    })),
  );
}

/** Ids `[batch, longest]` and labels `[batch]`, both int32; the caller disposes them. */
export function toBatch(samples: readonly Sample[]): { ids: tf.Tensor2D; labels: tf.Tensor1D } {
  return {
    ids: padded(samples.map((s) => s.ids)),
    labels: tf.tensor1d(Int32Array.from(samples, (s) => s.label)),
  };
}
