/** Which language a text is in, by the weights that come with the page. */
import * as tf from '@tensorflow/tfjs-core';
import type * as tfl from '@tensorflow/tfjs-layers';

import { createModel } from 'tfjs-revcol/models';
import { preprocessTexts } from 'tfjs-revcol/text';
import { loadCheckpoint, textWeights } from 'tfjs-revcol/weights';
import type { LanguageShare } from '../shared/text_messages';

const NAME = 'revcol_text_femto.languages';

let loading: Promise<tfl.LayersModel> | undefined;

/** Bytes of its weights, once they are there. */
export let languageBytes = 0;

async function load(): Promise<tfl.LayersModel> {
  const response = await fetch(`weights/${NAME}.safetensors`);
  if (!response.ok) {
    throw new Error(`The weights that come with the page cannot be read (${response.status})`);
  }
  const model = createModel(NAME);
  try {
    await loadCheckpoint(model, await response.blob());
  } catch (error) {
    model.dispose();
    throw error;
  }
  languageBytes = 4 * model.countParams();
  return model;
}

/**
 * The probability of each language, the highest first.
 *
 * @throws {Error} when the weights cannot be read; the next call tries again
 */
export async function languageOf(text: string): Promise<LanguageShare[]> {
  loading ??= load().catch((error: unknown) => {
    loading = undefined;
    throw error;
  });
  const model = await loading;
  const record = textWeights(NAME);
  const probabilities = tf.tidy(() =>
    tf.softmax(model.predict(preprocessTexts(text, record)) as tf.Tensor2D),
  );
  try {
    const shares = await probabilities.data();
    return record.classNames
      .map((code, i) => ({ code, share: shares[i] as number }))
      .sort((a, b) => b.share - a.share);
  } finally {
    probabilities.dispose();
  }
}
