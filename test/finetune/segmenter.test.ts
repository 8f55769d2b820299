/** `fineTuneSegmenter`: it learns, is stopped and gone on with exactly, and fails without leaving anything behind. */
import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import * as tf from '@tensorflow/tfjs';

import {
  DivergedError,
  evaluateSegmenter,
  fineTuneSegmenter,
  type FineTuneSegmenterOptions,
  removeAdapters,
  type RunSettings,
  segment,
  type SegmentationSource,
  segmentationSource,
  unmergeAdapters,
} from 'tfjs-revcol';
import { encodePng } from '../../src/pictures/encode_png';
import { cliError } from '../cli/run';
import { describeBackends, expectNoLeak } from '../support/backends';
import { CLASSES, example, NAME, scenes, SIDE, TINY, tinySegmenter } from './segmenter_support';
import { expectExactResume } from './stopped';
import { weightsOf } from './support';

let folder: string;
beforeEach(() => {
  folder = fs.mkdtempSync(path.join(os.tmpdir(), 'revcol-segmenter-'));
});
afterEach(() => fs.rmSync(folder, { recursive: true, force: true }));

const MODEL = { name: NAME, ...TINY, pretrained: false } as const;
const CROP = { cropSize: [SIDE, SIDE], photometric: { hue: 0 } } as const;
const FEW: FineTuneSegmenterOptions = {
  epochs: 2,
  batch: 4,
  seed: 3,
  learningRate: 0.01,
  saveEvery: 0,
  augment: CROP,
};

describeBackends(
  'fineTuneSegmenter',
  () => {
    test('windows and the step between them are saved as they were given', async () => {
      const windows = { mode: 'slide', inputSize: [32, 32], slideStride: 20 } as const;
      const options = { ...FEW, epochs: 1, augment: CROP, segmenting: windows };
      const { model } = await fineTuneSegmenter(MODEL, scenes(4), options);
      expect(model.getUserDefinedMetadata()).toMatchObject({
        inputSize: [32, 32],
        slideStride: 20,
      });
      const { map } = await segment(model, example(0).image);
      expect(map).toHaveLength(SIDE * SIDE);
      model.dispose();
    });

    test('learns, and what it gives segments and is evaluated by itself', async () => {
      const data = scenes(16);
      await expectNoLeak(async () => {
        const { model, best, evaluation, classNames, settings, history } = await fineTuneSegmenter(
          MODEL,
          data,
          { ...FEW, epochs: 10, learningRate: 0.02, augment: { ...CROP, scale: [0.8, 1.25] } },
        );
        expect(best?.mIoU).toBeGreaterThan(0.75);
        expect(evaluation?.mIoU).toBe(best?.mIoU);
        expect(evaluation?.perClass.map(({ name }) => name)).toEqual(CLASSES);
        expect(classNames).toEqual(CLASSES);
        expect(settings).toMatchObject({ examples: 13, validation: 3, auxiliaryWeight: 0.4 });
        expect(history.at(-1)?.validationMeanIoU).toBeGreaterThan(0.5);
        expect(model.outputs).toHaveLength(2);
        const again = await evaluateSegmenter(model, data);
        expect(again).toMatchObject({ pictures: 16, pixels: 16 * SIDE * SIDE, skipped: [] });
        expect(again.mIoU).toBeGreaterThan(0.7);
        const { map, areas } = await segment(model, example(0).image);
        expect(map).toHaveLength(SIDE * SIDE);
        expect(areas.length).toBeGreaterThan(0);
        model.dispose();
      });
    });

    test('stopped anywhere and gone on with, a run ends as one that was not', async () => {
      const train = (more: RunSettings) =>
        fineTuneSegmenter(MODEL, scenes(10), { ...FEW, ...more });
      await expectExactResume(train, ['validationMeanIoU'], folder, [1, 3], (saveTo) =>
        expect(
          fineTuneSegmenter(MODEL, scenes(10), { ...FEW, saveTo, resume: true, power: 2 }),
        ).rejects.toThrow(/has power 1, this one 2; an exact resume needs the same/),
      );
    });
  },
  { only: ['wasm', 'tensorflow'] },
);

describeBackends(
  'fineTuneSegmenter on one backend',
  () => {
    test('stored and reversible columns are trained alike', async () => {
      const begin = tinySegmenter({ auxiliaryHead: true });
      const losses: number[][] = [];
      for (const backprop of ['stored', 'reversible'] as const) {
        const given = tinySegmenter({ auxiliaryHead: true, backprop });
        given.setWeights(begin.getWeights());
        const own: number[] = [];
        const onStep: FineTuneSegmenterOptions['onStep'] = ({ loss }) => void own.push(loss);
        const options = { ...FEW, learningRate: 1e-3, validation: 0, epochs: 3, onStep };
        await fineTuneSegmenter(given, scenes(8), options);
        losses.push(own);
        given.dispose();
      }
      begin.dispose();
      const [stored, reversible] = losses as [number[], number[]];
      expect(reversible).toHaveLength(6);
      // Where a gradient is about 0, Adam makes steps of its rounding errors, in proportion to the rate.
      stored.forEach((loss, i) =>
        expect(Math.abs(loss - (reversible[i] as number))).toBeLessThan(i === 0 ? 1e-6 : 1e-3),
      );
    });

    test('only the heads are trained where that is asked', async () => {
      const given = tinySegmenter();
      const before = weightsOf(given);
      const names = given.weights.map(({ originalName }) => originalName);
      await fineTuneSegmenter(given, scenes(8), { ...FEW, train: 'head', epochs: 1 });
      const changed = weightsOf(given).map(
        (values, i) => JSON.stringify(values) !== JSON.stringify(before[i]),
      );
      const isOf = (i: number, part: string) => (names[i] as string).startsWith(part);
      expect(changed.filter((is, i) => is && isOf(i, 'backbone'))).toEqual([]);
      expect(changed.filter((is, i) => is && isOf(i, 'decode_head')).length).toBeGreaterThan(20);
      expect(given.trainableWeights.length).toBeGreaterThan(20);
      given.dispose();
    });

    test('a broken picture ends a run with everything as it was, or is left out', async () => {
      const whole = scenes(8);
      const wrong: SegmentationSource = {
        ...whole,
        name: (i) => `scene ${i}`,
        read: async (i) => (i === 5 ? example(i, (_, at) => (at === 20 ? 7 : 0)) : whole.read(i)),
      };
      const given = tinySegmenter();
      const before = weightsOf(given);
      const saveTo = path.join(folder, 'run');
      const options = { ...FEW, validation: 0, saveTo };
      await expectNoLeak(() =>
        expect(fineTuneSegmenter(given, wrong, options)).rejects.toThrow(
          /example 5 cannot be read: scene 5: label 7 at column 4, row 1; expected classes from 0 to 1/,
        ),
      );
      expect(weightsOf(given)).toEqual(before);
      await expect(
        fineTuneSegmenter(given, wrong, { ...FEW, validation: 0, onError: 'skip' }),
      ).resolves.toMatchObject({ stopped: 'epochs', steps: 4 });
      await expect(evaluateSegmenter(given, wrong)).rejects.toThrow(/scene 5, 16 x 16 pixels/);
      given.dispose();
    });

    test('no step has a single picture, which batch normalisations cannot be trained on', async () => {
      const given = tinySegmenter();
      const steps: number[] = [];
      const onStep: FineTuneSegmenterOptions['onStep'] = ({ epoch }) => void steps.push(epoch);
      // Three pictures in steps of two: the third, another one in each epoch, is left out.
      await fineTuneSegmenter(given, scenes(3), { ...FEW, batch: 2, validation: 0, onStep });
      expect(steps).toEqual([1, 2]);
      const before = weightsOf(given);
      const wrong: [number, FineTuneSegmenterOptions, RegExp][] = [
        [
          3,
          { batch: 1, validation: 0 },
          /^fineTuneSegmenter: batch is 1, with 3 pictures to train on/,
        ],
        [
          1,
          { validation: 0 },
          /^fineTuneSegmenter: batch is 2, with 1 picture to train on; expected 2/,
        ],
        [2, {}, /^fineTuneSegmenter: batch is 2, with 1 picture to train on of 2.*validation: 0/],
        [1, { train: 'head', validation: 0 }, /^fineTuneSegmenter: batch is 2, with 1 picture/],
      ];
      for (const [count, options, message] of wrong) {
        const asked = { ...FEW, batch: 2, ...options };
        await expectNoLeak(() =>
          expect(fineTuneSegmenter(given, scenes(count), asked)).rejects.toThrow(message),
        );
      }
      expect(weightsOf(given)).toEqual(before);
      given.dispose();
    });

    test('adapters are trained, and a model that has them is evaluated', async () => {
      const given = tinySegmenter({ pixelMean: 127, pixelStd: 60 });
      const before = weightsOf(given);
      const { evaluation } = await fineTuneSegmenter(given, scenes(6), {
        ...FEW,
        train: 'adapters',
        epochs: 1,
      });
      expect(evaluation?.pictures).toBe(1);
      expect(weightsOf(given)).not.toEqual(before);
      unmergeAdapters(given);
      const { perClass, pictures } = await evaluateSegmenter(given, scenes(2));
      expect([perClass.length, pictures]).toEqual([2, 2]);
      removeAdapters(given);
      given.dispose();
    });

    test('what is left out is listed, also a picture that is left alone in its step', async () => {
      const whole = scenes(8);
      const broken = new Set([5, 6]);
      const data: SegmentationSource = {
        ...whole,
        name: (i) => `scene ${i}`,
        read: async (i) =>
          broken.has(i) ? example(i, (_, at) => (at === 20 ? 7 : 0)) : whole.read(i),
      };
      const given = tinySegmenter();
      const saveTo = path.join(folder, 'run');
      const options = { ...FEW, batch: 2, validation: data, onError: 'skip', saveTo } as const;
      const { skipped, evaluation, steps } = await fineTuneSegmenter(given, data, options);
      const bad = skipped.filter(({ message }) => /label 7 at column 4, row 1/.test(message));
      expect(bad.map(({ name }) => name)).toEqual(['scene 5', 'scene 6']);
      expect(evaluation?.skipped.map(({ name }) => name)).toEqual(['scene 5', 'scene 6']);
      const alone = skipped.filter((one) => !bad.includes(one));
      for (const { message } of alone) expect(message).toMatch(/left alone in its step/);
      expect(alone.length).toBeGreaterThan(0);
      expect(steps).toBeLessThan(8);
      const again = await fineTuneSegmenter(given, data, { ...options, resume: true });
      expect(again.skipped).toEqual(skipped);
      // What it goes on from is no model, and is told apart from what the command train leaves.
      const best = path.join(saveTo, 'best.safetensors');
      const picture = path.join(folder, '1.png');
      fs.writeFileSync(picture, encodePng(example(0).image));
      const args = [
        'segment',
        picture,
        '-w',
        best,
        '-o',
        path.join(folder, 'out'),
        '--backend',
        'wasm',
      ];
      expect(await cliError(...args)).toMatch(
        /best\.safetensors is what training goes on from, and no model; in a program loadTraining gives what is in it/,
      );
      given.dispose();
    });

    test('pictures without a label that counts have no loss, and no score', async () => {
      const nothing = Array.from({ length: 4 }, (_, i) => example(i, () => 255));
      const data = segmentationSource(nothing, { classNames: CLASSES });
      const given = tinySegmenter();
      const losses: number[] = [];
      const onStep: FineTuneSegmenterOptions['onStep'] = ({ loss }) => void losses.push(loss);
      await fineTuneSegmenter(given, data, { ...FEW, epochs: 1, validation: 0, onStep });
      expect(losses).toEqual([0]);
      await expect(
        fineTuneSegmenter(given, scenes(4), { ...FEW, validation: data }),
      ).rejects.toThrow(/no pixel of the 4 pictures for validation has a class/);
      expect(await evaluateSegmenter(given, data)).toMatchObject({ pixels: 0, mIoU: null });
      given.dispose();
    });

    test('pictures of other sizes, of one pixel and long ones are trained on', async () => {
      const plain = (width: number, height: number) => ({
        image: { width, height, data: new Uint8Array(3 * width * height).fill(99) },
        labels: { width, height, data: new Uint8Array(width * height) },
      });
      const data = scenes(4, plain(1, 1), plain(900, 2), plain(20, 33));
      const { model, steps } = await fineTuneSegmenter(MODEL, data, { ...FEW, validation: 0 });
      expect(steps).toBe(4);
      await expect(evaluateSegmenter(model, scenes(1, plain(1, 1)))).rejects.toThrow(
        /1, 1 x 1 pixels, cannot be evaluated/,
      );
      model.dispose();
    });

    test('a loss that is not finite is told', async () => {
      await expect(
        fineTuneSegmenter(MODEL, scenes(8), { ...FEW, epochs: 9, learningRate: 1e30 }),
      ).rejects.toThrow(DivergedError);
    });

    test('what does not fit is told before anything is done', async () => {
      const data = scenes(4);
      const classifier = tf.sequential({
        layers: [tf.layers.flatten({ inputShape: [8, 8, 3] }), tf.layers.dense({ units: 2 })],
      });
      const three = tinySegmenter({ numClasses: 3 });
      const fixed = tinySegmenter({ inputShape: [SIDE, SIDE, 3] });
      const wrong: [Parameters<typeof fineTuneSegmenter>, RegExp][] = [
        [[MODEL, { ...data, length: 0 }], /the data hold no picture/],
        [[MODEL, {} as SegmentationSource], /the data are no pictures with label maps; expected/],
        [[classifier, data], /gives \[null, 2\]; expected the logits of a segmenter/],
        [[three, data], /but the pictures have 2 classes; make it with numClasses: 2/],
        [[fixed, data, { augment: { cropSize: [8, 8] } }], /takes images of 16 x 16 pixels/],
        [[{ ...MODEL, numClasses: 4 }, data], /numClasses is 4, but the pictures have 2 classes/],
        [[MODEL, data, { augment: { classShare: 2 } }], /classShare is 2; expected a share/],
        [[MODEL, data, { auxiliaryWeight: -1 }], /auxiliaryWeight is -1; expected a number from 0/],
        [[MODEL, data, { preprocessing: { mean: [0.5] as never } }], /mean is \[0.5\]; expected/],
        [[MODEL, data, { preprocessing: { std: [0, 1, 1] } }], /expected numbers above 0/],
        [
          [MODEL, data, { segmenting: { std: [1, 1, 1] } as object }],
          /segmenting: .* no option 'std'/,
        ],
        [[MODEL, data, { segmenting: { shortSide: 0 } }], /segmenting: shortSide is 0/],
        [[MODEL, data, { memory: 9 } as object], /memory/],
        [[MODEL, data, { resume: true }], /resume is true without saveTo/],
        [[MODEL, data, { validation: 1 }], /validation is 1; expected a number in \[0, 1\)/],
        [
          [MODEL, data, { validation: { ...data, classNames: ['dark', 'light'] } }],
          /the model knows no class "light"/,
        ],
      ];
      for (const [args, message] of wrong) {
        await expectNoLeak(() => expect(fineTuneSegmenter(...args)).rejects.toThrow(message));
      }
      // Told before a picture is read, which is not to blame.
      for (const [options, message] of [
        [{ classNames: 'abc' }, /^evaluateSegmenter: classNames is "abc"; expected a list/],
        [{ mean: [1] }, /^evaluateSegmenter: mean is \[1\]/],
        [{ mode: 'slide', slideStride: 0 }, /^evaluateSegmenter: slideStride is 0/],
      ] as const) {
        await expect(evaluateSegmenter(fixed, data, options as never)).rejects.toThrow(message);
      }
      for (const model of [classifier, three, fixed]) model.dispose();
    });
  },
  { only: ['wasm'] },
);
