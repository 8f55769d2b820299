/** Descriptions of models too large to build, against built ones and against what is published. */
import * as tf from '@tensorflow/tfjs';

import { createModel, type CreateModelOptions, listModels, type ModelName } from 'tfjs-revcol';
import type { ConvNextArchitecture, VitArchitecture } from '../../src/registry/architectures';
import {
  countMultiplyAdds,
  countParameters,
  describeWeights,
  type ImageClassifier,
} from '../../src/registry/describe';
import { modelRecord } from '../../src/registry/models';
import { classifierOf } from '../../src/registry/sizes';
import { withShapesOnly } from '../models/shapes_only_backend';
import { useBackend } from '../support/backends';
import { normalTensor } from '../support/training_step';

/** Names and shapes in the order of names. */
function shapesOf(weights: readonly { name: string; shape: readonly number[] }[]) {
  const shapes = new Map(weights.map(({ name, shape }) => [name, [...shape]]));
  expect(shapes.size).toBe(weights.length);
  return shapes;
}

const builtShapes = (model: tf.LayersModel) =>
  shapesOf(model.weights.map((w) => ({ name: w.originalName, shape: w.shape as number[] })));

beforeAll(() => useBackend('cpu'));

test.each(listModels({ pretrained: false }))(
  '$name: records, descriptions and models have the same weights',
  async ({ name, size, parameters }) => {
    if ('vocabularySize' in size) throw new Error(`${name} is of texts`);
    const described = classifierOf(size);
    await withShapesOnly(() => {
      const model = createModel(name);
      expect(builtShapes(model)).toEqual(shapesOf(describeWeights(described)));
      expect(model.countParams()).toBe(countParameters(described));
      expect(model.countParams()).toBe(parameters);
      expect(model.countParams()).toBe(size.parameters);
      model.dispose();
    });
  },
);

/**
 * Parameters in millions and multiply-adds in billions as the RevCol paper gives them (tables of
 * ImageNet classification and of isotropic models). A size that is in no table needs no entry.
 */
const PUBLISHED: Partial<Record<ModelName, [millions: number, billions: number]>> = {
  'revcol_tiny.in1k': [30, 4.5],
  'revcol_small.in1k': [60, 9.0],
  'revcol_base.in1k': [138, 16.6],
  'revcol_base.in22k_ft_in1k_384': [138, 48.9],
  'revcol_large.in22k_ft_in1k_224': [273, 39],
  'revcol_large.in22k_ft_in1k_384': [273, 116],
  'revcol_huge.megdata168m_ft_in1k_640': [2158, 2537],
  revcol_vit_small: [21, 4.6],
  revcol_vit_base: [89, 18.8],
};

test.each(Object.entries(PUBLISHED))(
  '%s costs what the paper says',
  (name, [millions, billions]) => {
    const { parameters = 0, multiplyAdds = 0 } = modelRecord('test', name);
    // The paper cuts off or rounds to the last digit that it gives.
    expect(Math.abs(parameters / 1e6 - millions)).toBeLessThan(1);
    expect(Math.abs(multiplyAdds / 1e9 - billions)).toBeLessThan(0.01 * billions);
  },
);

test('a size that shares no number with another has counts of its own', () => {
  const counts = listModels({ pretrained: false }).map((r) => r.multiplyAdds ?? 0);
  expect(Math.min(...counts)).toBeGreaterThan(0);
  expect(new Set(counts).size).toBe(counts.length);
  // Without a number of classes there is nothing to count.
  expect(modelRecord('test', 'revcol_huge.megdata168m').multiplyAdds).toBeUndefined();
});

const CONVNEXT = {
  columns: 3,
  channels: [4, 6, 8],
  depths: [1, 0, 2],
  patchSize: 2,
  kernelSize: 3,
  topFusion: true,
} satisfies ConvNextArchitecture;
const VIT = {
  columns: 2,
  channels: [8, 8],
  depths: [1, 2],
  patchSize: 4,
  numHeads: 4,
} satisfies VitArchitecture;
const ENDS = { numClasses: 5, inputChannels: 3 };

describe('the work is that of the products which a forward pass makes', () => {
  const cases: [name: ModelName, described: ImageClassifier, options: CreateModelOptions][] = [
    ['revcol_tiny', { ...CONVNEXT, ...ENDS }, CONVNEXT],
    ['revcol_small', { ...CONVNEXT, ...ENDS, kernelSize: 5, topFusion: false }, CONVNEXT],
    ['revcol_vit_small', { ...VIT, ...ENDS, inputSize: [13, 21] }, VIT],
  ];

  test.each(cases)('%s', (name, described, more) => {
    const { numClasses } = described;
    const own = 'kernelSize' in described ? { kernelSize: described.kernelSize } : {};
    const topFusion = 'topFusion' in described ? { topFusion: described.topFusion } : {};
    const { columns, channels, depths, patchSize } = more;
    const model = createModel(name, {
      ...{ columns, channels, depths, patchSize, numClasses },
      ...own,
      ...topFusion,
      inputShape: [13, 21, 3],
    });
    expect(builtShapes(model)).toEqual(shapesOf(describeWeights(described)));
    // Products of weights alone, made once a batch, are no work of an image.
    const [one = 0, two = 0] = [1, 2].map((batch) => {
      const x = normalTensor([batch, 13, 21, 3], 1);
      const counted = countProducts(() => model.predict(x) as tf.Tensor);
      x.dispose();
      return counted;
    });
    expect(countMultiplyAdds(described, [13, 21])).toBe(two - one);
    model.dispose();
  });
});

/** Multiply-adds of all products of matrices and depthwise convolutions that run in `fn`. */
function countProducts(fn: () => tf.Tensor): number {
  let total = 0;
  const counters: Record<string, (params: Parameters<tf.KernelFunc>[0]) => number> = {
    BatchMatMul: ({ inputs, attrs }) => {
      const { a, b } = inputs as Record<'a' | 'b', tf.TensorInfo>;
      const { transposeA, transposeB } = attrs as Record<string, unknown>;
      const inner = a.shape[a.shape.length - (transposeA === true ? 2 : 1)] as number;
      const columns = b.shape[b.shape.length - (transposeB === true ? 2 : 1)] as number;
      return (tf.util.sizeFromShape(a.shape) / inner) * inner * columns;
    },
    FusedDepthwiseConv2D: ({ inputs }) => {
      const { x, filter } = inputs as Record<'x' | 'filter', tf.TensorInfo>;
      const [height, width] = filter.shape as [number, number];
      return tf.util.sizeFromShape(x.shape) * height * width;
    },
  };
  const configs = Object.keys(counters).map((kernel) => tf.getKernel(kernel, 'cpu'));
  for (const config of configs) {
    tf.unregisterKernel(config.kernelName, 'cpu');
    tf.registerKernel({
      ...config,
      kernelFunc: (params) => {
        total += counters[config.kernelName]?.(params) ?? NaN;
        return config.kernelFunc(params);
      },
    });
  }
  try {
    fn().dispose();
  } finally {
    for (const config of configs) {
      tf.unregisterKernel(config.kernelName, 'cpu');
      tf.registerKernel(config);
    }
  }
  return total;
}
