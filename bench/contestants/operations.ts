/** Single operations on tfjs with their gradients: this package's, and stock tfjs's. */
import * as tf from '@tensorflow/tfjs-core';

import { memoryPeak } from 'tfjs-revcol';
import { attention } from '../../src/ops/attention/op';
import { depthwiseConv } from '../../src/ops/depthwise_conv';
import { gelu } from '../../src/ops/gelu';
import { layerNorm } from '../../src/ops/layer_norm';
import { linear } from '../../src/ops/linear';
import { upsampleNearest } from '../../src/ops/upsample';
import type { Task } from '../suite/messages';
import type { Contestant } from '../suite/worker';
import type { OperationsWorkload } from '../suite/workload';
import { HEAD_WIDTH } from './operation_inputs';
import * as stock from './stock_image';
import { readTensors, tensorToWrite, writeSafetensors } from './weight_files';

/** Operands in the order of the file. */
type Operation = (...operands: tf.Tensor[]) => tf.Tensor;

const headsOf = (x: tf.Tensor) => (x.shape.at(-1) as number) / HEAD_WIDTH;

const OURS: Record<string, Operation> = {
  linear: (x, kernel, bias) => linear(x, kernel as tf.Tensor, bias as tf.Tensor),
  layerNorm: (x, gamma, beta) => layerNorm(x, gamma as tf.Tensor, beta as tf.Tensor),
  gelu: (x) => gelu(x),
  depthwiseConv: (x, kernel, bias) => depthwiseConv(x, kernel as tf.Tensor, bias as tf.Tensor),
  upsample: (x) => upsampleNearest(x, 2 * (x.shape[1] as number), 2 * (x.shape[2] as number)),
  attention: (query, key, value) =>
    attention(
      { query, key: key as tf.Tensor, value: value as tf.Tensor },
      {
        numHeads: headsOf(query),
        scale: HEAD_WIDTH ** -0.5,
        chunkSize: null,
        dropRate: 0,
        seed: 0,
      },
    ),
};

function stockAttention(query: tf.Tensor, key: tf.Tensor, value: tf.Tensor): tf.Tensor {
  const [batch, time] = query.shape as [number, number];
  const split = (x: tf.Tensor) =>
    tf.transpose(tf.reshape(x, [batch, time, headsOf(x), HEAD_WIDTH]), [0, 2, 1, 3]);
  const scores = tf.mul(tf.matMul(split(query), split(key), false, true), HEAD_WIDTH ** -0.5);
  const mixed = tf.matMul(tf.softmax(scores), split(value));
  return tf.reshape(tf.transpose(mixed, [0, 2, 1, 3]), query.shape);
}

const STOCK: Record<string, Operation> = {
  linear: (x, kernel, bias) =>
    stock.dense(new Map(Object.entries({ 'x/kernel': kernel, 'x/bias': bias })), 'x', x),
  layerNorm: (x, gamma, beta) =>
    stock.norm(new Map(Object.entries({ 'x/gamma': gamma, 'x/beta': beta })), 'x', x),
  gelu: stock.gelu,
  depthwiseConv: (x, kernel, bias) =>
    tf.add(tf.depthwiseConv2d(x as tf.Tensor4D, kernel as tf.Tensor4D, 1, 'same'), bias),
  upsample: (x) =>
    tf.image.resizeNearestNeighbor(x as tf.Tensor4D, [
      2 * (x.shape[1] as number),
      2 * (x.shape[2] as number),
    ]),
  attention: (query, key, value) => stockAttention(query, key as tf.Tensor, value as tf.Tensor),
};

/** Sets up the operations that a task asks for: of each, a forward pass and a gradient. */
export async function startOperations(task: Task): Promise<Omit<Contestant, 'versions'>> {
  const { operations } = task.workload as OperationsWorkload;
  const table = task.variant === 'stock' ? STOCK : OURS;
  const tensors = await readTensors(task.inputs as string);
  const cases = operations.map((name) => {
    const apply = table[name];
    if (!apply) throw new Error(`there is no operation ${name}`);
    const mine = [...tensors].filter(([key]) => key.startsWith(`${name}/`));
    const operands = mine.flatMap(([key, tensor]) => (key.endsWith('/dy') ? [] : [tensor]));
    const names = mine.flatMap(([key]) => (key.endsWith('/dy') ? [] : [key]));
    const dy = tensors.get(`${name}/dy`) as tf.Tensor;
    return {
      name,
      names,
      forward: () => apply(...operands),
      gradients: () => tf.grads(apply as (...args: tf.Tensor[]) => tf.Tensor)(operands, dy),
    };
  });
  const programs = cases.flatMap(({ name, forward, gradients }) => [
    [name, () => tf.tidy(() => void forward().dataSync())] as const,
    [
      `${name} and gradient`,
      () => tf.tidy(() => gradients().forEach((gradient) => void gradient.dataSync())),
    ] as const,
  ]);
  return {
    parameters: null,
    programs: Object.fromEntries(programs),
    countBytes: async (run) => (await memoryPeak(run)).peakBytes,
    check: async (file) => {
      const results = cases.flatMap(({ name, names, forward, gradients }) => [
        tensorToWrite(`${name}/output`, forward()),
        ...gradients().map((gradient, i) => tensorToWrite(`d ${names[i]}`, gradient)),
      ]);
      await writeSafetensors(results, file);
    },
  };
}
