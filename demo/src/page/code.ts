/** The code that does in a program what the page does. */
import { LAYER_SCALE, networkOptions } from '../shared/network';
import type { Settings } from '../shared/settings';

/** A program with these settings, for Node; its pictures are in folders, one for each class. */
export function codeOf(settings: Settings, classes: number): string {
  const { columns, side, data, backprop, train, batch, epochs, seed } = settings;
  const { kernelSize, inputShape, channels, depths, patchSize, pixelMean, pixelStd } =
    networkOptions({ columns, side, data });
  const list = (values: readonly number[]) => `[${values.join(', ')}]`;
  return `// npm install tfjs-revcol @tensorflow/tfjs @tensorflow/tfjs-backend-wasm
import * as tf from '@tensorflow/tfjs';
import '@tensorflow/tfjs-backend-wasm';
import { fineTune, layers } from 'tfjs-revcol';
import { imageFolder } from 'tfjs-revcol/node';

await tf.setBackend('wasm');
const model = tf.sequential({
  layers: [
    layers.revColBackbone({
      inputShape: ${list(inputShape)},
      columns: ${columns},
      channels: ${list(channels)},
      depths: ${list(depths)},
      patchSize: ${patchSize},
      pixelMean: ${pixelMean.toFixed(2)},
      pixelStd: ${pixelStd.toFixed(2)},
      backprop: '${backprop}',
      block: layers.convNextBlock({ kernelSize: ${kernelSize}, layerScaleInit: ${LAYER_SCALE} }),
    }),
    layers.revColHead({ units: ${classes} }),
  ],
});
// A folder with a folder of pictures for each of ${classes} classes.
const pictures = await imageFolder('pictures');
const { evaluation } = await fineTune(model, pictures, {
  train: '${train}',
  batch: ${batch},
  epochs: ${epochs},
  seed: ${seed},
  learningRate: ${5e-3 * Math.sqrt(batch / 32)},
  layerDecay: 1,
  labelSmoothing: 0,
  saveTo: 'run', // goes on from there with resume: true
});
console.log(evaluation?.top1);
await model.save('file://model');
`;
}
