/** Dense layers and 1x1 convolutions of tfjs, with a low-rank change beside their kernels. */
import * as tf from '@tensorflow/tfjs-core';
import * as tfl from '@tensorflow/tfjs-layers';

import { linear } from '../../ops/linear';
import { type LowRank, lowRankBranch } from '../../ops/low_rank';
import { toTensors } from './inputs';

type Layer = tfl.layers.Layer;

/** What is used of such a layer beyond its public face. */
interface StockLayer extends Layer {
  kernel: tfl.LayerVariable | null;
  activation: Activation;
  kernelSize?: number[];
  strides?: number[];
  dataFormat?: string;
}

interface Activation {
  apply(x: tf.Tensor): tf.Tensor;
  getClassName(): string;
}

const LINEAR: Activation = { apply: (x) => x, getClassName: () => 'linear' };

/** The classes, which tfjs does not export. */
function stockClasses(): readonly unknown[] {
  // Given, so that the names that tfjs numbers stay what they would be.
  const name = 'class';
  return [
    tfl.layers.dense({ name, units: 1 }),
    tfl.layers.conv1d({ name, filters: 1, kernelSize: 1 }),
    tfl.layers.conv2d({ name, filters: 1, kernelSize: 1 }),
  ].map((layer) => layer.constructor);
}

let classes: readonly unknown[] | undefined;

/** The kernel of a built dense layer or 1x1 convolution of tfjs's own; null for any other layer. */
export function stockKernel(layer: Layer): tfl.LayerVariable | null {
  classes ??= stockClasses();
  if (!classes.includes(layer.constructor)) return null;
  const { kernel, kernelSize = [] } = layer as StockLayer;
  return kernelSize.every((side) => side === 1) ? (kernel ?? null) : null;
}

/** Makes a layer add the change's branch before its activation; null: no longer. */
export function changeStock(layer: Layer, change: LowRank | null): void {
  const stock = layer as StockLayer;
  if (!change) {
    delete (stock as Partial<StockLayer>).call;
    return;
  }
  const call = (Object.getPrototypeOf(stock) as StockLayer).call;
  stock.call = (inputs, kwargs) =>
    tf.tidy(() => {
      const { activation } = stock;
      let output: tf.Tensor;
      stock.activation = LINEAR;
      try {
        output = call.call(stock, inputs, kwargs) as tf.Tensor;
      } finally {
        stock.activation = activation;
      }
      const x = toTensors(inputs)[0] as tf.Tensor;
      return activation.apply(tf.add(output, branch(stock, x, change)));
    });
}

/** What is added to the output, with its axes. */
function branch(layer: StockLayer, x: tf.Tensor, change: LowRank): tf.Tensor {
  if (!layer.strides) {
    return lowRankBranch(change, (down) => linear(x, down, tf.zeros([down.shape[1] as number])));
  }
  const isFirst = layer.dataFormat === 'channelsFirst';
  const places = x.rank - 2;
  const image = isFirst ? moveAxis(x, 1, x.rank - 1) : x;
  const strides = layer.strides as [number, number];
  const y = lowRankBranch(change, (down) => narrowed(image, down, places, strides));
  return isFirst ? moveAxis(y, y.rank - 1, 1) : y;
}

/** A 1x1 convolution with strides, over one or two axes of places. */
function narrowed(
  x: tf.Tensor,
  down: tf.Tensor,
  places: number,
  strides: [number, number],
): tf.Tensor {
  const [inputs, rank] = down.shape as [number, number];
  if (places === 1) {
    return tf.conv1d(x as tf.Tensor3D, tf.reshape(down, [1, inputs, rank]), strides[0], 'valid');
  }
  return tf.conv2d(x as tf.Tensor4D, tf.reshape(down, [1, 1, inputs, rank]), strides, 'valid');
}

function moveAxis(x: tf.Tensor, from: number, to: number): tf.Tensor {
  const axes = Array.from({ length: x.rank }, (_, d) => d);
  axes.splice(to, 0, ...axes.splice(from, 1));
  return tf.transpose(x, axes);
}
