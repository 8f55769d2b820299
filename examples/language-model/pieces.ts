/**
 * A RevCol as a graph of ordinary layers, any piece of which can be left out or put elsewhere: what lies between it and
 * blocks one after another. It has no memory-free gradients; with all pieces it computes what `createLanguageModel` does,
 * and its weights have the same names.
 */
import * as tf from '@tensorflow/tfjs';

import { layers } from 'tfjs-revcol/layers';
import type { Size } from './models';

/** Which pieces there are. */
export interface Pieces {
  columns: number;
  /** Blocks per level; a single level of one column is an ordinary transformer. */
  depths: readonly number[];
  attention?: 'dot' | 'cosine';
  /** What a level does with what it reads of other levels. Default `'linear, norm'`, a fusion's. */
  paths?: 'linear, norm' | 'linear' | 'norm' | 'none';
  /** Whether the lowest level of every column reads the tokens, or that of the first alone. Default `'every'`. */
  tokens?: 'every' | 'first';
  /**
   * Where a level of the column before is added, times alpha: to the level (`'after'` its blocks, the default), to what its
   * blocks read (`'before'`), or not at all (`'never'`).
   */
  kept?: 'after' | 'before' | 'never';
  /** Of all levels, and not trained. Default: trained from 0.5. */
  fixedAlpha?: number;
  /** What the head reads of the last column: its top level (default), or the sum of all. */
  reads?: 'top' | 'sum';
}

/** The model of some pieces, of a hidden width. */
export function modelOfPieces(
  { vocabulary, width, heads, dropout }: Size,
  pieces: Pieces,
  hidden: number,
): tf.LayersModel {
  const { columns, depths, attention, kept = 'after', reads = 'top', fixedAlpha } = pieces;
  const block = (name: string, x: tf.SymbolicTensor) =>
    layers
      .transformerEncoderBlock({
        ...{ name, dropout, attention, numHeads: heads, intermediateDim: hidden },
        useCausalMask: true,
      })
      .apply(x) as tf.SymbolicTensor;
  const ids = tf.input({ shape: [null], dtype: 'int32' });
  const stem = embedded(ids, { vocabulary, width, dropout });
  let previous: tf.SymbolicTensor[] = [];
  for (let c = 0; c < columns; c++) {
    const current: tf.SymbolicTensor[] = [];
    depths.forEach((depth, l) => {
      const name = `column_${c}/level_${l}`;
      const before = previous[l];
      const withKept = (x: tf.SymbolicTensor) =>
        before
          ? sum([x, before], { name, alpha: fixedAlpha ?? 0.5, trainable: fixedAlpha == null })
          : x;
      let x = sum(operands(name, pieces, { stem, lower: current[l - 1], upper: previous[l + 1] }));
      if (kept === 'before') x = withKept(x);
      for (let b = 0; b < depth; b++) x = block(`${name}/block_${b}`, x);
      current[l] = kept === 'after' ? withKept(x) : x;
    });
    previous = current;
  }
  const read = reads === 'sum' ? sum(previous) : (previous.at(-1) as tf.SymbolicTensor);
  const head = layers.tokenHead({ name: 'head', units: vocabulary });
  return tf.model({ inputs: ids, outputs: head.apply(read) as tf.SymbolicTensor });
}

/** Tokens as createLanguageModel embeds them. */
function embedded(
  ids: tf.SymbolicTensor,
  { vocabulary, width, dropout }: Omit<Size, 'heads'>,
): tf.SymbolicTensor {
  const embedding = layers.tokenEmbedding({
    ...{ name: 'stem', inputDim: vocabulary, outputDim: width, dropout },
    maskZero: true,
    positions: 'sinusoidal',
  });
  return embedding.apply(ids) as tf.SymbolicTensor;
}

interface Operands {
  stem: tf.SymbolicTensor;
  lower?: tf.SymbolicTensor;
  upper?: tf.SymbolicTensor;
}

/** What a level reads: tokens, or the level below, and the level above in the column before. */
function operands(
  name: string,
  { paths = 'linear, norm', tokens = 'every' }: Pieces,
  { stem, lower, upper }: Operands,
): tf.SymbolicTensor[] {
  const read = (path: string, x: tf.SymbolicTensor) =>
    paths === 'none'
      ? x
      : (new Path({ name: `${name}/fusion/${path}`, paths }).apply(x) as tf.SymbolicTensor);
  const isFirst = name.startsWith('column_0/');
  const list = lower ? [read('down', lower)] : isFirst || tokens === 'every' ? [stem] : [];
  if (upper) list.push(read('up', upper));
  return list;
}

/** A linear layer, a LayerNorm, or both; tf.layers' LayerNorm is several times slower. */
class Path extends tf.layers.Layer {
  static className = 'ExamplePath';
  private kernel: tf.LayerVariable | null = null;
  private bias: tf.LayerVariable | null = null;
  private gamma: tf.LayerVariable | null = null;
  private beta: tf.LayerVariable | null = null;

  constructor(private readonly args: { name: string; paths: string }) {
    super({ name: args.name });
    this.supportsMasking = true;
  }

  override build(shape: tf.Shape): void {
    const width = shape.at(-1) as number;
    const { paths } = this.args;
    const add = (name: string, axes: number[], initializer: tf.serialization.Serializable) =>
      this.addWeight(name, axes, 'float32', initializer as never);
    if (paths.startsWith('linear')) {
      this.kernel = add(
        'kernel',
        [width, width],
        tf.initializers.truncatedNormal({ stddev: 0.02 }),
      );
      this.bias = add('bias', [width], tf.initializers.zeros());
    }
    if (paths.endsWith('norm')) {
      this.gamma = add('gamma', [width], tf.initializers.ones());
      this.beta = add('beta', [width], tf.initializers.zeros());
    }
    this.built = true;
  }

  override computeOutputShape(shape: tf.Shape): tf.Shape {
    return shape;
  }

  override call(inputs: tf.Tensor | tf.Tensor[]): tf.Tensor {
    return tf.tidy(() => {
      const [input] = [inputs].flat() as [tf.Tensor];
      const width = input.shape.at(-1) as number;
      let x = tf.reshape(input, [-1, width]);
      if (this.kernel && this.bias) {
        x = tf.add(tf.matMul(x, this.kernel.read()), this.bias.read());
      }
      if (this.gamma && this.beta) {
        const centred = tf.sub(x, tf.mean(x, 1, true));
        const variance = tf.mean(tf.square(centred), 1, true);
        const normed = tf.mul(centred, tf.rsqrt(tf.add(variance, 1e-6)));
        x = tf.add(tf.mul(normed, this.gamma.read()), this.beta.read());
      }
      return tf.reshape(x, input.shape);
    });
  }
}

interface SumArgs {
  name?: string;
  /** Factor of the last, for each channel. Default: none. */
  alpha?: number;
  trainable?: boolean;
}

/** `x + y`, or `x + alpha * y`. */
class Sum extends tf.layers.Layer {
  static className = 'ExampleSum';
  private alpha: tf.LayerVariable | null = null;

  constructor(private readonly args: SumArgs) {
    super({ name: args.name, trainable: args.trainable });
    this.supportsMasking = true;
  }

  override build([shape]: tf.Shape[]): void {
    const { alpha } = this.args;
    if (alpha != null) {
      const initial = tf.initializers.constant({ value: alpha });
      this.alpha = this.addWeight('alpha', [shape?.at(-1) as number], 'float32', initial);
    }
    this.built = true;
  }

  override computeOutputShape([shape]: tf.Shape[]): tf.Shape {
    return shape as tf.Shape;
  }

  override computeMask(_: tf.Tensor[], masks?: tf.Tensor[]): tf.Tensor | tf.Tensor[] {
    return masks?.[0] as tf.Tensor;
  }

  override call(inputs: tf.Tensor[]): tf.Tensor {
    return tf.tidy(() => {
      const [x, y] = inputs as [tf.Tensor, tf.Tensor];
      return tf.add(x, this.alpha ? tf.mul(y, this.alpha.read()) : y);
    });
  }
}

function sum(operands: readonly tf.SymbolicTensor[], args: SumArgs = {}): tf.SymbolicTensor {
  const [first, ...rest] = operands as [tf.SymbolicTensor, ...tf.SymbolicTensor[]];
  return rest.reduce((x, y) => new Sum(args).apply([x, y]) as tf.SymbolicTensor, first);
}
