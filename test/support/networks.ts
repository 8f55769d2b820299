/**
 * The generator of random small networks for tests of properties, and one training step of them.
 * What a step must be equal to, `network_oracles.ts` knows.
 */
import * as tf from '@tensorflow/tfjs';
import * as fc from 'fast-check';

import { layers, RevColBackbone, type RevColBackboneArgs } from 'tfjs-revcol';
import { seededRandom } from '../../src/ops/engine/random';
import { tidyAll } from '../../src/ops/engine/tensors';
import { OwnBlock, OwnFusion } from '../layers/own_layers';
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
} from './training_step';

const USERS_BLOCKS = ['normalized', 'dropout', 'own'] as const;

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
  output: 'last' | 'pyramid' | 'columns' | number[];
  wild: boolean;
  /** Also those of a user: stock layers with moving statistics or dropout, and a class with both. */
  block: 'convnext' | 'normalized' | 'dropout' | 'own' | 'encoder';
  /** A user's, or LayerNorms alone; for levels of one shape. */
  fusion?: 'own' | 'norm';
  /** Absent for images. Levels have one width then, and one shape. */
  tokens?: Tokens;
  /** Which of the stem, the columns and, within them, the functions are frozen; 0 for none. */
  frozenSeed: number;
  seed: number;
}

/** A network over tokens, instead of pixels. */
export interface Tokens {
  length: number;
  /** Whether id 0 is padding, which is masked. */
  padded: boolean;
  numHeads: 1 | 2;
}

/** Networks over images, of at most 5 columns with `minChannels` to 6 channels. */
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
      block: fc.constantFrom<Network['block']>('convnext', 'convnext', ...USERS_BLOCKS),
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

/** Networks over tokens: padding, users' blocks and fusions, taps of any columns. */
export function tokenNetworks(): fc.Arbitrary<Network> {
  const ofTokens = fc.record({
    tokens: fc.record({
      length: fc.integer({ min: 1, max: 7 }),
      padded: fc.boolean(),
      numHeads: fc.constantFrom<1 | 2>(1, 2),
    }),
    width: fc.constantFrom(4, 6),
    block: fc.constantFrom<Network['block']>('encoder', 'encoder', ...USERS_BLOCKS),
    fusion: fc.constantFrom<Network['fusion']>(undefined, 'own', 'norm'),
    taps: fc.array(fc.nat({ max: 4 }), { minLength: 1, maxLength: 3 }),
    tapped: fc.boolean(),
  });
  return fc.tuple(networks(4), ofTokens).map(([n, { width, taps, tapped, ...rest }]) => ({
    ...n,
    ...rest,
    channels: n.channels.map(() => width),
    topFusion: n.topFusion && rest.fusion !== 'own',
    ...(hasStatistics(rest.block) && {
      batch: Math.max(n.batch, 2),
      tokens: { ...rest.tokens, length: Math.max(rest.tokens.length, 4) },
    }),
    output: tapped ? tapsOf(n.columns, taps) : n.output,
  }));
}

/** Ascending, and the last column among them: what is behind the last tap is no part of a network. */
function tapsOf(columns: number, some: readonly number[]): number[] {
  return [...new Set([...some.map((t) => t % columns), columns - 1])].sort((a, b) => a - b);
}

/** Whether a block's gradients are all rounding where it sees but one or two samples. */
function hasStatistics(block: Network['block']): boolean {
  return block === 'normalized' || block === 'own';
}

/** Of every kind; those with moving statistics see a few samples at every level. */
export function allNetworks(): fc.Arbitrary<Network> {
  const images = networks(4).map((n) => {
    const least = n.patchSize * 2 ** (n.levels - 1);
    const [height, width] = n.excess;
    return hasStatistics(n.block)
      ? { ...n, batch: 2, excess: [height + least, width + least] as [number, number] }
      : n;
  });
  return fc.oneof(images, tokenNetworks());
}

function blockOf({ block, tokens }: Network): RevColBackboneArgs['block'] {
  switch (block) {
    case 'convnext':
      return undefined;
    case 'normalized':
      return tf.layers.batchNormalization({ momentum: 0.5 });
    case 'dropout':
      return tf.layers.dropout({ rate: 0.3 });
    case 'own':
      return new OwnBlock();
    case 'encoder':
      return layers.transformerEncoderBlock({ numHeads: tokens?.numHeads ?? 1, dropout: 0.1 });
  }
}

const VOCABULARY = 9;

/** What differs between images and tokens. */
function kindOf(n: Network): RevColBackboneArgs {
  if (!n.tokens) return { patchSize: n.patchSize };
  const stem = layers.tokenEmbedding({
    inputDim: VOCABULARY,
    outputDim: n.channels[0] as number,
    maskZero: n.tokens.padded,
    positions: 'learned',
    sequenceLength: n.tokens.length,
  });
  return { isotropic: true, stem, fusion: n.fusion === 'own' ? new OwnFusion() : n.fusion };
}

export function backboneOf(n: Network, backprop: 'reversible' | 'stored'): RevColBackbone {
  const { columns, channels, depths, kernelSize, topFusion, dropPathRate } = n;
  return layers.revColBackbone({
    name: 'backbone',
    columns,
    channels,
    depths,
    kernelSize,
    topFusion,
    dropPathRate,
    anchorEvery: n.anchorEvery,
    output: n.output,
    block: blockOf(n),
    backprop,
    ...kindOf(n),
  });
}

/** The shape of one sample. */
export function sampleShape(n: Network): number[] {
  if (n.tokens) return [n.tokens.length];
  const least = n.patchSize * 2 ** (n.levels - 1);
  return [least + n.excess[0], least + n.excess[1], 2];
}

/** Images, or ids of which some are padding. */
export function inputOf(n: Network): tf.Tensor {
  const shape = [n.batch, ...sampleShape(n)];
  if (!n.tokens) return normalTensor(shape, n.seed);
  const random = seededRandom(n.seed);
  const ids = Array.from({ length: tf.util.sizeFromShape(shape) }, (_, i) =>
    // A sample of nothing but padding has no token to learn from.
    i % (n.tokens as Tokens).length > 0 && random() < 0.2
      ? 0
      : 1 + Math.floor((VOCABULARY - 1) * random()),
  );
  return tf.tensor(ids, shape, 'int32');
}

/**
 * Freezes each stem, column, fusion and block with probability 0.4.
 *
 * @param needsWeights whether something is to be trained in any case
 */
export function freezeSome(
  backbone: RevColBackbone,
  { frozenSeed }: Network,
  needsWeights: boolean,
): void {
  if (frozenSeed === 0) return;
  const random = seededRandom(frozenSeed);
  const parts = [
    backbone.stem,
    ...backbone.columnLayers,
    ...backbone.columnLayers.flatMap((c) => c.functionLayers),
  ];
  for (const part of parts) if (random() < 0.4) part.trainable = false;
  if (!needsWeights || backbone.trainableWeights.length > 0) return;
  for (const part of parts) part.trainable = true;
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
    const hasInput = withInput && !n.tokens;
    freezeSome(backbone, n, !hasInput);
    const step = takeStep(
      () => projectedLoss(backbone.apply(x, { training }) as tf.Tensor | tf.Tensor[]),
      backbone.trainableWeights,
      hasInput ? x : null,
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
