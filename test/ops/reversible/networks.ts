/** Random small networks, and one training step of them. */
import * as tf from '@tensorflow/tfjs';
import * as fc from 'fast-check';

import { layers, RevColBackbone, type RevColBackboneArgs } from 'tfjs-revcol';
import { seededRandom } from '../../../src/ops/engine/random';
import { tidyAll } from '../../../src/ops/engine/tensors';
import {
  type AlphaLaw,
  MODERATE_ALPHAS,
  normalTensor,
  projectedLoss,
  randomizeWeights,
  type Step,
  takeStep,
  weightValues,
  WILD_ALPHAS,
} from '../../support/training_step';

/** A random network and its input. */
export interface Network {
  levels: number;
  columns: number;
  /** Narrow levels have cancelling gradients: after a LayerNorm over 2 channels nothing is left. */
  channels: number[];
  depths: number[];
  batch: number;
  patchSize: number;
  /** Pixels beyond the least height and width. */
  excess: [number, number];
  kernelSize: number;
  topFusion: boolean;
  dropPathRate: number;
  anchorEvery: 'auto' | number;
  output: 'last' | 'pyramid' | 'columns';
  wild: boolean;
  block: 'convnext' | 'normalized' | 'dropout';
  /** Which of the stem, the columns and, within them, the functions are frozen; 0 for none. */
  frozenSeed: number;
  seed: number;
}

/** Networks of at most 5 columns with `minChannels` to 6 channels. */
export function networks(minChannels: number): fc.Arbitrary<Network> {
  return fc
    .record({
      levels: fc.integer({ min: 2, max: 4 }),
      columns: fc.integer({ min: 1, max: 5 }),
      channels: fc.array(fc.integer({ min: minChannels, max: 6 }), { minLength: 4, maxLength: 4 }),
      depths: fc.array(fc.integer({ min: 0, max: 2 }), { minLength: 4, maxLength: 4 }),
      batch: fc.integer({ min: 1, max: 3 }),
      patchSize: fc.integer({ min: 1, max: 2 }),
      excess: fc.tuple(fc.integer({ min: 0, max: 7 }), fc.integer({ min: 0, max: 7 })),
      kernelSize: fc.constantFrom(1, 2, 3, 5),
      topFusion: fc.boolean(),
      dropPathRate: fc.constantFrom(0, 0.5),
      anchorEvery: fc.constantFrom<'auto' | number>('auto', 1, 2),
      output: fc.constantFrom<Network['output']>('last', 'pyramid', 'columns'),
      wild: fc.boolean(),
      block: fc.constantFrom<Network['block']>('convnext', 'convnext', 'normalized', 'dropout'),
      frozenSeed: fc.integer({ min: 0, max: 50 }),
      seed: fc.integer({ min: 1, max: 1e6 }),
    })
    .map((n) => ({
      ...n,
      // A fixed spacing divides by every alpha between two anchors, whatever their size.
      wild: n.wild && n.anchorEvery === 'auto',
      channels: n.channels.slice(0, n.levels),
      depths: n.depths.slice(0, n.levels),
    }));
}

/** A user's blocks: with moving statistics, and with dropout. */
function blockOf({ block }: Network): RevColBackboneArgs['block'] {
  if (block === 'convnext') return undefined;
  if (block === 'dropout') return tf.layers.dropout({ rate: 0.3 });
  return tf.layers.batchNormalization({ momentum: 0.5 });
}

export function backboneOf(n: Network, backprop: 'reversible' | 'stored'): RevColBackbone {
  const { columns, channels, depths, patchSize, kernelSize, topFusion, dropPathRate } = n;
  return layers.revColBackbone({
    name: 'backbone',
    columns,
    channels,
    depths,
    patchSize,
    kernelSize,
    topFusion,
    dropPathRate,
    anchorEvery: n.anchorEvery,
    output: n.output,
    block: blockOf(n),
    backprop,
  });
}

export function inputOf(n: Network): tf.Tensor {
  const least = n.patchSize * 2 ** (n.levels - 1);
  return normalTensor([n.batch, least + n.excess[0], least + n.excess[1], 2], n.seed);
}

/** Freezes each stem, column, fusion and block with probability 0.4. */
function freezeSome(backbone: RevColBackbone, seed: number): void {
  if (seed === 0) return;
  const random = seededRandom(seed);
  const parts = [
    backbone.stem,
    ...backbone.columnLayers,
    ...backbone.columnLayers.flatMap((c) => c.functionLayers),
  ];
  for (const part of parts) if (random() < 0.4) part.trainable = false;
}

/** Loss, gradients, and all weights after one step, moving statistics included. */
export interface Outcome {
  step: Step;
  weights: Map<string, Float32Array>;
}

export interface OutcomeOptions {
  alphas?: AlphaLaw;
  withInput?: boolean;
  training?: boolean;
}

/** One training step of a network with random weights; leaves nothing behind. */
export function outcome(
  n: Network,
  backprop: 'reversible' | 'stored',
  {
    alphas = n.wild ? WILD_ALPHAS : MODERATE_ALPHAS,
    withInput = true,
    training = true,
  }: OutcomeOptions = {},
): Outcome {
  return tidyAll(() => {
    const backbone = backboneOf(n, backprop);
    const x = inputOf(n);
    backbone.apply(x);
    randomizeWeights(backbone.weights, n.seed, alphas);
    freezeSome(backbone, n.frozenSeed);
    const step = takeStep(
      () => projectedLoss(backbone.apply(x, { training }) as tf.Tensor | tf.Tensor[]),
      backbone.trainableWeights,
      withInput ? x : null,
    );
    const weights = weightValues(backbone.weights);
    backbone.dispose();
    return { step, weights };
  });
}

function norm(values: Iterable<number>): number {
  let sum = 0;
  for (const v of values) sum += v * v;
  return Math.sqrt(sum);
}

/**
 * Share of the norm of all gradients below which a single one counts as this share. A gradient may
 * cancel to nothing, as that of a bias before a batch normalisation, and then is all rounding.
 */
const CANCELLED = 0.01;

/** The largest error of a weight's or the input's gradient, and where it is. */
export function gradientError(got: Step, expected: Step): { error: number; name: string } {
  const [a, b] = [got, expected].map(
    ({ gradients, input }) =>
      new Map([...gradients, ...(input ? [['input', input] as const] : [])]),
  ) as [Step['gradients'], Step['gradients']];
  expect([...a.keys()].sort()).toEqual([...b.keys()].sort());
  const least = CANCELLED * norm([...b.values()].map(norm));
  let worst = { error: 0, name: '' };
  for (const [name, exact] of b) {
    const values = a.get(name) as Float32Array;
    expect({ [name]: values.length }).toEqual({ [name]: exact.length });
    const difference = norm(exact.map((v, i) => v - (values[i] as number)));
    const error = difference === 0 ? 0 : difference / Math.max(norm(exact), least);
    if (!(error <= worst.error)) worst = { error, name };
  }
  return worst;
}
