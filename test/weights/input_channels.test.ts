/** Weights of RGB images in models of images with other channels. */
import * as tf from '@tensorflow/tfjs';

import { loadCheckpoint } from 'tfjs-revcol';
import { openCheckpoint } from '../../src/weights/open_checkpoint';
import { describeBackends, expectClose, expectNoLeak } from '../support/backends';
import {
  type NamedTensor,
  pthOf,
  renamed,
  smallModel,
  tensorsOf,
  valuesOf,
} from './support/small_checkpoint';

const modelOf = (channels: number, options = {}): tf.LayersModel =>
  smallModel(5, { inputShape: [8, 8, channels], ...options });

describeBackends(
  "inputChannels: 'adapt'",
  () => {
    let rgb: tf.LayersModel;
    let tensors: NamedTensor[];
    beforeAll(async () => {
      rgb = smallModel(1);
      tensors = await tensorsOf(rgb);
    });
    afterAll(() => rgb.dispose());
    const rgbKernel = (): NamedTensor =>
      tensors.find(({ name }) => name === 'stem.0.weight') as NamedTensor;

    // As timm's adapt_input_conv: sum(dim=1) for one channel, else repeat(1, ceil(n / 3), 1, 1)[:, :n] * 3 / n.
    test.each([1, 2, 3, 4, 6, 7])('%i channels', async (channels) => {
      const model = modelOf(channels);
      const file = pthOf(renamed(tensors, (name) => `module.${name}`));
      await expectNoLeak(async () => {
        const report = await loadCheckpoint(model, file, { inputChannels: 'adapt' });
        expect(report).toMatchObject({ missing: [], unexpected: [] });
        expect(report.loaded).toHaveLength(tensors.length);
      });
      const kernel = (await tensorsOf(model)).find(({ name }) => name === 'stem.0.weight');
      expect(kernel?.shape).toEqual([2, channels, 2, 2]);
      const from = rgbKernel().data;
      for (let o = 0; o < 2; o++) {
        for (let c = 0; c < channels; c++) {
          for (let i = 0; i < 4; i++) {
            const of = (rgbChannel: number): number => from[(o * 3 + rgbChannel) * 4 + i] as number;
            const wanted = channels === 1 ? of(0) + of(1) + of(2) : (of(c % 3) * 3) / channels;
            expect(kernel?.data[(o * channels + c) * 4 + i]).toBeCloseTo(wanted, 6);
          }
        }
      }
      const [got, wanted] = [valuesOf(model), valuesOf(rgb)];
      for (const [name, values] of wanted) {
        if (!name.includes('stem/projection/kernel')) expect(got.get(name)).toEqual(values);
      }
      model.dispose();
    });

    test('a grey image gives what it gives as RGB', async () => {
      const grey = modelOf(1);
      await loadCheckpoint(grey, pthOf(tensors), { inputChannels: 'adapt' });
      tf.tidy(() => {
        const x = tf.randomNormal([2, 8, 8, 1], 0, 1, 'float32', 3);
        const logits = rgb.predict(tf.tile(x, [1, 1, 1, 3])) as tf.Tensor;
        expectClose(grey.predict(x) as tf.Tensor, logits, 1e-5, 'logits');
      });
      grey.dispose();
    });
  },
  { only: ['cpu', 'wasm'] },
);

describeBackends(
  'advice on shapes that differ',
  () => {
    const messageOf = async (model: tf.LayersModel, file: NamedTensor[], options = {}) => {
      const before = valuesOf(model);
      const error: unknown = await loadCheckpoint(model, pthOf(file), options).catch(
        (reason: unknown) => reason,
      );
      expect(error).toMatchObject({ name: 'CheckpointError', code: 'mismatch' });
      expect(valuesOf(model)).toEqual(before);
      model.dispose();
      return (error as Error).message;
    };
    const fileOf = async (options = {}): Promise<NamedTensor[]> => {
      const model = smallModel(1, options);
      const tensors = await tensorsOf(model);
      model.dispose();
      return tensors;
    };
    const HEAD = "head: 'skip'";
    const CHANNELS = "inputChannels: 'adapt'";

    test('of the channels, of the classes, of both, of the backbone', async () => {
      const rgb = await fileOf();
      for (const strict of [true, false]) {
        const channels = await messageOf(modelOf(1), rgb, { strict });
        expect(channels).toContain("images with 3 channels, the model's have 1: pass " + CHANNELS);
        expect(channels).not.toContain(HEAD);
      }
      const classes = await messageOf(modelOf(3, { numClasses: 7 }), rgb);
      expect(classes).toContain(HEAD);
      expect(classes).not.toContain(CHANNELS);
      const both = await messageOf(modelOf(1, { numClasses: 7 }), rgb);
      expect(both).toContain(HEAD);
      expect(both).toContain(CHANNELS);
      const wider = await messageOf(modelOf(1, { channels: [4, 6] }), rgb);
      expect(wider).not.toContain(HEAD);
      expect(wider).not.toContain(CHANNELS);
      expect(wider).toContain("Build the model with the file's columns, channels and depths");
    });

    test('weights of other images than RGB are not adapted', async () => {
      const five = await fileOf({ inputShape: [8, 8, 5] });
      const message = await messageOf(modelOf(3), five);
      expect(message).toContain('build the model with inputShape [height, width, 5]');
      expect(message).not.toContain(CHANNELS);
      const adapted = await messageOf(modelOf(1), five, { inputChannels: 'adapt' });
      expect(adapted).toContain('stem.0.weight is of images with 5 channels; only weights of RGB');
    });
  },
  { only: ['cpu'] },
);

test('the stem that a checkpoint tells of is the adapted one', async () => {
  const { withInputChannels } = await import('../../src/weights/input_channels');
  const model = smallModel(1);
  const checkpoint = await openCheckpoint(pthOf(await tensorsOf(model)));
  model.dispose();
  const four = withInputChannels(checkpoint, 4);
  const entry = { shape: [2, 4, 2, 2], dtype: 'float32', bytes: 128 };
  expect(four.entries.get('stem.0.weight')).toEqual(entry);
  expect([...four.entries.keys()]).toEqual([...checkpoint.entries.keys()]);
  expect(await four.read('stem.0.weight')).toHaveLength(32);
  expect(withInputChannels(checkpoint, 3)).toBe(checkpoint);
});
