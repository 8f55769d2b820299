/** Language models at work: continuing texts token by token. */
import * as tf from '@tensorflow/tfjs-core';
import type * as tfl from '@tensorflow/tfjs-layers';

import { requireModel } from '../common/arguments';
import { type OptionNames, requireOptions } from '../common/options';
import { kindOf } from '../layers/base/own_classes';
import { RevColLanguageModel } from '../layers/transformer/language_model';
import { decodeGreedily } from '../text/decode_greedy';
import { decodeBySampling, SAMPLING_OPTIONS, type SamplingOptions } from '../text/decode_sampling';
import { requireKnownIds } from '../text/decode_steps';
import type { Decoded, StepModel } from '../text/step_model';

/** Options of `generate`. */
export type GenerateOptions = Omit<SamplingOptions, 'temperature'> & {
  /**
   * Divides the logits before a token is drawn; 0 always takes the most probable token, without
   * `topK`, `topP` and `seed`. Default 1.
   */
  temperature?: number;
};

const OPTIONS: OptionNames<GenerateOptions> = SAMPLING_OPTIONS;

/**
 * A language model as decoding wants it, for `greedySearch`, `sampleTokens` and `beamSearch`.
 *
 * @param model a model of ids to the logits of a `RevColLanguageModel`, also a loaded one
 * @throws {Error} when the model has other outputs
 */
export function languageModelSteps(model: tfl.LayersModel): StepModel {
  return stepsOf('languageModelSteps', model);
}

/** @param owner function that the caller called, for the message */
function stepsOf(owner: string, model: tfl.LayersModel): StepModel {
  requireModel(owner, model);
  const layer = model.outputs[0]?.sourceLayer;
  if (!(layer instanceof RevColLanguageModel) || model.outputs.length !== 1) {
    throw new Error(
      `${owner}: ${model.name} has ${model.outputs.length} outputs, the first of a ` +
        `${layer ? kindOf(layer) : 'layer unknown'}; expected one of a RevColLanguageModel, such as ` +
        `createLanguageModel gives. Other networks need a StepModel of their own, for sampleTokens`,
    );
  }
  return {
    step: (ids, cache) =>
      tf.tidy(() => {
        const logits = layer.apply(ids, { cache, lastOnly: true }) as tf.Tensor;
        return tf.squeeze(logits, [1]) as tf.Tensor2D;
      }),
  };
}

/**
 * Continues texts token by token. Every token is computed once: keys and values of earlier ones are
 * kept in a cache.
 *
 * @param model a language model such as `createLanguageModel` gives, also a loaded one
 * @param prompts ids of each text, of any lengths from 1; a text may be given several times. Each is
 *   continued as if it were alone, with `temperature: 0` exactly so; else the draws, also those of a
 *   `seed`, are shared among the prompts. What is longer than the shortest is read token by token, so
 *   that texts of alike lengths take the least time
 * @param options `suppressIds` is by default padding, id 0
 * @returns one continuation per prompt, without the prompt and `endId`
 * @throws {Error} when prompts or options are out of range, or the model is another one
 */
export async function generate(
  model: tfl.LayersModel,
  prompts: readonly (readonly number[])[],
  options: GenerateOptions,
): Promise<Decoded[]> {
  const owner = 'generate';
  requireOptions(owner, options, OPTIONS);
  const steps = stepsOf(owner, model);
  const vocabulary = model.outputs[0]?.shape[2] as number;
  requireKnownIds(owner, 'a prompt token', [prompts].flat(2), vocabulary);
  const { temperature = 1, suppressIds = [0], ...rest } = options;
  const all = { ...rest, suppressIds };
  if (temperature === 0) return decodeGreedily(owner, steps, prompts, all);
  return decodeBySampling(owner, steps, prompts, { ...all, temperature });
}
