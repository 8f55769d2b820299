/** The detector that the golden checkpoint `cascade` holds the weights of. */
import type * as tf from '@tensorflow/tfjs';

import { type CreateDetectorOptions, createModel } from 'tfjs-revcol';
import type { Golden } from '../../support/golden_files';

/** With random weights, as the metadata of a golden say. */
export function goldenDetector(
  { metadata }: Golden,
  options: CreateDetectorOptions = {},
): tf.LayersModel {
  const json = (key: string): unknown => JSON.parse(metadata[key] ?? 'null');
  return createModel('cascade_mask_rcnn_revcol_tiny.coco', {
    columns: json('columns') as number,
    channels: json('channels') as number[],
    depths: json('depths') as number[],
    numClasses: json('classes') as number,
    pyramidChannels: json('width') as number,
    hiddenChannels: json('hidden') as number,
    finestScale: (json('config') as { finest_scale: number }).finest_scale,
    ...options,
  });
}
