/** Training and evaluation, the same for both models. */
import { setImmediate } from 'node:timers/promises';
import * as tf from '@tensorflow/tfjs';

import { translate } from 'tfjs-revcol/models';
import { type BleuScore, corpusBleu } from 'tfjs-revcol/text';
import {
  AdamW,
  inverseSquareRootSchedule,
  tokenCrossEntropy,
  trainingStep,
} from 'tfjs-revcol/training';
import { batchesByLength, chunks, padded } from '../shared/batches';
import { startProgress } from '../shared/progress';
import { END, type Pair, START, type Vocabulary } from './data';

export interface TrainingOptions {
  epochs: number;
  batchSize: number;
  peakRate: number;
  /** A uniform generator on [0, 1), which decides the order of the batches. */
  random: () => number;
  label: string;
}

const LABEL_SMOOTHING = 0.1;

interface Batch {
  inputs: [tf.Tensor2D, tf.Tensor2D];
  targets: tf.Tensor2D;
}

/** Teacher forcing: the decoder sees the target from its start, and is to give it up to its end. */
function toBatch(pairs: readonly Pair[]): Batch {
  return {
    inputs: [
      padded(pairs.map((p) => p.sourceIds)),
      padded(pairs.map((p) => [START, ...p.targetIds])),
    ],
    targets: padded(pairs.map((p) => [...p.targetIds, END])),
  };
}

/** Trains in place. */
export async function train(
  model: tf.LayersModel,
  pairs: readonly Pair[],
  { epochs, batchSize, peakRate, random, label }: TrainingOptions,
): Promise<void> {
  const lengths = pairs.map((p) => p.sourceIds.length + p.targetIds.length);
  const stepsPerEpoch = Math.ceil(pairs.length / batchSize);
  const schedule = inverseSquareRootSchedule({ peak: peakRate, warmupSteps: 2 * stepsPerEpoch });
  const optimizer = new AdamW({ beta2: 0.98, weightDecay: 0.01 });
  const progress = startProgress(label, epochs * stepsPerEpoch);
  let step = 0;
  for (let epoch = 0; epoch < epochs; epoch++) {
    for (const indices of batchesByLength(lengths, batchSize, random)) {
      optimizer.learningRate = schedule(++step);
      const { inputs, targets } = toBatch(indices.map((i) => pairs[i] as Pair));
      const loss = trainingStep(
        model,
        optimizer,
        inputs,
        (logits) =>
          tokenCrossEntropy(targets, logits as tf.Tensor, { labelSmoothing: LABEL_SMOOTHING }),
        { clipNorm: 1 },
      );
      progress.step(`loss ${((await loss.data())[0] as number).toFixed(2)}`);
      tf.dispose([loss, inputs, targets]);
      // Reading a loss lets no timer run on wasm, and the bar is drawn by one.
      await setImmediate();
    }
  }
  progress.stop();
  optimizer.dispose();
}

/** Cross entropy per token, in nats, without smoothing or dropout. */
export function lossOf(model: tf.LayersModel, pairs: readonly Pair[]): number {
  let [sum, tokens] = [0, 0];
  for (const some of chunks(pairs, 32)) {
    const { inputs, targets } = toBatch(some);
    const count = some.reduce((n, p) => n + p.targetIds.length + 1, 0);
    const mean = tf.tidy(() => tokenCrossEntropy(targets, model.predict(inputs) as tf.Tensor));
    sum += (mean.dataSync()[0] as number) * count;
    tokens += count;
    tf.dispose([mean, inputs, targets]);
  }
  return sum / tokens;
}

/** Translations of messages and their BLEU. */
export interface Evaluation {
  bleu: BleuScore;
  translations: string[];
}

/** Translates by beam search and compares with the German messages. */
export async function evaluate(
  model: tf.LayersModel,
  pairs: readonly Pair[],
  vocabulary: Vocabulary,
  beams: number,
): Promise<Evaluation> {
  const translations: string[] = [];
  const order = pairs
    .map((_, i) => i)
    .sort((a, b) => (pairs[a]?.sourceIds.length ?? 0) - (pairs[b]?.sourceIds.length ?? 0));
  for (const indices of chunks(order, 32)) {
    const found = await translate(
      model,
      indices.map((i) => (pairs[i] as Pair).sourceIds),
      { startId: START, endId: END, beams },
    );
    indices.forEach((i, row) => {
      translations[i] = vocabulary.decode(found[row]?.[0]?.ids ?? []);
    });
  }
  const bleu = corpusBleu(
    translations,
    pairs.map((p) => p.target),
  );
  return { bleu, translations };
}
