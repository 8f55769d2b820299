/** Translation models at work: beam search over the decoder, with sources encoded once. */
import * as tf from '@tensorflow/tfjs-core';
import * as tfl from '@tensorflow/tfjs-layers';

import { requireInteger, requireModel, shown } from '../common/arguments';
import { type OptionNames, requireOptions } from '../common/options';
import { TranslationDecoder } from '../layers/transformer/translation_decoder';
import { BEAM_OPTIONS, type BeamOptions, decodeBeams, type Hypothesis } from '../text/decode_beam';
import { requireIdLists, requireKnownIds } from '../text/decode_steps';
import type { StepModel } from '../text/step_model';

/** Options of `translate`. */
export type TranslateOptions = Omit<BeamOptions, 'maxNewTokens' | 'endId'> & {
  /** The token that starts every target. */
  startId: number;
  /** The token that ends every target. */
  endId: number;
  /** Most tokens of a translation, `endId` included. Default: twice the longest source, plus 10. */
  maxNewTokens?: number;
};

const OPTIONS: OptionNames<TranslateOptions> = {
  ...BEAM_OPTIONS,
  startId: true,
};

/** A translation model's decoder at work on some sources. Holds tensors until `dispose`. */
export interface TranslationSteps extends StepModel {
  dispose(): void;
}

/** The parts of a translation model, also of a loaded one. */
function partsOf(
  owner: string,
  model: tfl.LayersModel,
): {
  encoder: tfl.LayersModel;
  decoder: TranslationDecoder;
} {
  requireModel(owner, model);
  const decoder = model.layers.find((layer) => layer instanceof TranslationDecoder);
  const [source] = model.inputs;
  if (!(decoder instanceof TranslationDecoder) || !source || model.inputs.length !== 2) {
    throw new Error(
      `${owner}: ${model.name} has ${model.inputs.length} inputs and ` +
        `${decoder ? 'a' : 'no'} TranslationDecoder; expected a model of [source, target] with one, ` +
        `such as createTranslationModel gives`,
    );
  }
  const [, memory, memoryMask] = decoder.input as tfl.SymbolicTensor[];
  const outputs = [memory, memoryMask] as tfl.SymbolicTensor[];
  return { encoder: tfl.model({ inputs: source, outputs }), decoder };
}

/**
 * Encodes sources once, for decoding their translations step by step with `greedySearch`,
 * `beamSearch` or `sampleTokens`: prompts are then one `[startId]` per source.
 *
 * @param model a model of `[source, target]` ids to logits with a `TranslationDecoder`
 * @param sources ids of each source; shorter ones are filled up with 0
 * @throws {Error} when the model has other inputs or no such decoder, or a source is empty
 */
export function translationSteps(
  model: tfl.LayersModel,
  sources: readonly (readonly number[])[],
): TranslationSteps {
  return stepsOf('translationSteps', model, sources);
}

/** @param owner function that the caller called, for the messages */
function stepsOf(
  owner: string,
  model: tfl.LayersModel,
  sources: readonly (readonly number[])[],
): TranslationSteps {
  const { encoder, decoder } = partsOf(owner, model);
  const given: unknown = sources;
  requireIdLists(owner, 'sources', given, 'such as [[17, 5, 301], [42]], one list for each source');
  if (sources.length === 0 || sources.some((s) => s.length === 0)) {
    throw new Error(
      `${owner}: ${sources.length === 0 ? 'no sources' : 'an empty source'} given; expected at ` +
        `least one token each`,
    );
  }
  for (const id of sources.flat()) requireInteger(owner, 'a source token', id, 0);
  requireKnownIds(owner, 'a source token', sources.flat(), vocabularyOf(model) ?? Infinity);
  const [memory, memoryMask] = tf.tidy(() => {
    const time = Math.max(...sources.map((s) => s.length));
    const padded = sources.map((s) => [...s, ...new Array<number>(time - s.length).fill(0)]);
    return encoder.predict(tf.tensor2d(padded, undefined, 'int32')) as tf.Tensor[];
  }) as [tf.Tensor, tf.Tensor];
  return {
    step: (ids, cache) =>
      tf.tidy(() => {
        const logits = decoder.apply([ids, memory, memoryMask], {
          cache,
          lastOnly: true,
        }) as tf.Tensor;
        return tf.squeeze(logits, [1]) as tf.Tensor2D;
      }),
    dispose: () => tf.dispose([memory, memoryMask]),
  };
}

/** How many ids the embedding of the sources has, where it is known. */
function vocabularyOf(model: tfl.LayersModel): number | undefined {
  const [source] = model.inputs;
  const takesSource = ({ inboundNodes }: tfl.layers.Layer) =>
    inboundNodes.some(({ inputTensors }) => inputTensors.includes(source as tfl.SymbolicTensor));
  // Of an embedding, or of a backbone whose stem is one.
  return model.layers.filter(takesSource).flatMap((layer) => {
    const { inputDim, stem } = layer.getConfig();
    const { config } = (stem ?? {}) as { config?: tf.serialization.ConfigDict };
    return [inputDim, config?.['inputDim']].filter((size) => typeof size === 'number');
  })[0];
}

/**
 * Translates by beam search (`beams: 1`: greedily).
 *
 * @param model a model of `[source, target]` ids to logits with a `TranslationDecoder`, such as
 *   `createTranslationModel` gives
 * @param sources ids of each source, of any lengths from 1. Of one batch: sort many by length and
 *   give some at a time
 * @returns per source at most `beams` translations, best first, without `startId` and `endId`
 * @throws {Error} when the model has other inputs or no such decoder, a source is empty, or an option is out
 *   of range
 */
export async function translate(
  model: tfl.LayersModel,
  sources: readonly (readonly number[])[],
  options: TranslateOptions,
): Promise<Hypothesis[][]> {
  const owner = 'translate';
  requireOptions(owner, options, OPTIONS);
  const { startId, maxNewTokens, suppressIds = [0, startId], ...rest } = options;
  requireEdge(owner, 'startId', startId, 'starts');
  requireEdge(owner, 'endId', rest.endId, 'ends');
  const steps = stepsOf(owner, model, sources);
  try {
    const longest = Math.max(...sources.map((s) => s.length));
    return await decodeBeams(
      owner,
      steps,
      sources.map(() => [startId]),
      { ...rest, suppressIds, maxNewTokens: maxNewTokens ?? 2 * longest + 10 },
    );
  } finally {
    steps.dispose();
  }
}

/** Asserts the token at an end of every target, which has no default. */
function requireEdge(owner: string, name: string, id: unknown, does: string): void {
  if (Number.isInteger(id) && (id as number) >= 0) return;
  throw new Error(
    `${owner}: ${name} is ${shown(id)}; expected the id of the token that ${does} every target, a ` +
      `whole number from 0`,
  );
}
