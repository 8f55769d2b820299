/** What weights are before training, where it is not what the package draws. */
import * as tf from '@tensorflow/tfjs';

/** How the kernels of blocks and of the head are drawn: with deviation 0.02, or the root of 1 / inputs. */
export type Kernels = '0.02' | 'fan-in';

/** How the kernels of fusions are. A LayerNorm follows each of them. */
export type Fusions = '0.02' | 'fan-in' | 'orthogonal' | 'identity';

export interface Initial {
  kernels: Kernels;
  fusions?: Fusions;
  /** Of every channel of every level. */
  alpha?: number;
  /** Factor of what the branches of blocks add to their inputs. */
  branches?: number;
}

/** Draws the weights of a language model anew where `initial` differs from what the package does. */
export function setInitial(model: tf.LayersModel, initial: Initial): void {
  for (const weight of model.trainableWeights) {
    tf.tidy(() => {
      const value = initialValue(weight, initial);
      if (value) (weight.read() as tf.Variable).assign(value);
    });
  }
}

function initialValue(
  weight: tf.LayerVariable,
  { kernels, fusions = '0.02', alpha = 0.5, branches = 1 }: Initial,
): tf.Tensor | null {
  const { originalName: name } = weight;
  const shape = weight.shape as number[];
  if (name.endsWith('/alpha')) return tf.fill(shape, alpha);
  if (!name.endsWith('/kernel')) return null;
  if (name.includes('/fusion/')) return fusionKernel(shape as [number, number], fusions);
  const isHead = name.endsWith('/classifier/kernel');
  const isLast = /\/(attention_output|project)\/kernel$/.test(name);
  const deviation = kernels === '0.02' ? 0.02 : fanIn(name, shape) ** -0.5;
  return tf.truncatedNormal(shape, 0, deviation * (isLast && !isHead ? branches : 1));
}

/** Inputs of each output of a kernel: its first axis, except where heads are joined. */
function fanIn(name: string, shape: readonly number[]): number {
  const axes = name.endsWith('/attention_output/kernel') ? 2 : 1;
  return tf.util.sizeFromShape(shape.slice(0, axes));
}

function fusionKernel([from, to]: [number, number], fusions: Fusions): tf.Tensor {
  switch (fusions) {
    case '0.02':
      return tf.truncatedNormal([from, to], 0, 0.02);
    case 'fan-in':
      return tf.truncatedNormal([from, to], 0, from ** -0.5);
    case 'orthogonal':
      return tf.linalg.qr(tf.randomNormal([from, to]))[0];
    case 'identity':
      return tf.eye(from, to);
  }
}
