/** Models as the golden checkpoints have them, and the golden tensors in this package's layout. */
import * as path from 'node:path';
import * as tf from '@tensorflow/tfjs';

import { createModel, type CreateModelOptions } from 'tfjs-revcol';
import {
  type Golden,
  GOLDENS_DIR,
  type GoldenTensor,
  readGolden,
} from '../../support/golden_files';

/** Every golden that comes with a `.pth`. */
export const GOLDEN_CASES = [
  'plain',
  'huge',
  'odd_size',
  'sixteen_columns',
  'supervised',
  'supervised_many_classes',
] as const;

export type GoldenCase = (typeof GOLDEN_CASES)[number];

export const GOLDEN_FORMATS = ['.pth', '.weights.safetensors'] as const;

export function goldenPath(name: GoldenCase, format: (typeof GOLDEN_FORMATS)[number]): string {
  return path.join(GOLDENS_DIR, `${name}${format}`);
}

export function goldenExpected(name: GoldenCase): Golden {
  return readGolden(`${name}.expected.safetensors`);
}

/** The model that a golden's checkpoint holds the weights of, with random ones. */
export function goldenModel(
  { metadata, tensors }: Golden,
  options: CreateModelOptions = {},
): tf.LayersModel {
  const json = (key: string): unknown => JSON.parse(metadata[key] ?? 'null');
  const [, channels, height, width] = wanted(tensors, 'x').shape as [
    number,
    number,
    number,
    number,
  ];
  return createModel('revcol_tiny', {
    inputShape: [height, width, channels],
    columns: json('columns') as number,
    channels: json('channels') as number[],
    depths: json('depths') as number[],
    numClasses: json('classes') as number,
    topFusion: json('huge') as boolean,
    intermediateSupervision: json('intermediate_supervision') as boolean,
    ...options,
  });
}

function wanted(tensors: Golden['tensors'], name: string): GoldenTensor {
  const tensor = tensors.get(name);
  if (!tensor) throw new Error(`the golden has no ${name}`);
  return tensor;
}

/** A golden tensor; one of four dimensions goes from NCHW to channels-last. */
export function goldenTensor({ tensors }: Golden, name: string): tf.Tensor {
  const { shape, data } = wanted(tensors, name);
  return tf.tidy(() => {
    const tensor = tf.tensor(data, shape);
    return shape.length === 4 ? tf.transpose(tensor, [0, 2, 3, 1]) : tensor;
  });
}

/** The outputs of a model as a list. */
export function outputsOf(model: tf.LayersModel, x: tf.Tensor): tf.Tensor[] {
  const outputs = model.predict(x);
  return Array.isArray(outputs) ? outputs : [outputs];
}
