/** `fineTuneDetector`: it learns, is stopped and gone on with exactly, and fails without leaving anything behind. */
import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import * as tf from '@tensorflow/tfjs';

import {
  cocoResults,
  cocoSource,
  detect,
  DivergedError,
  evaluateCoco,
  evaluateDetector,
  fineTuneDetector,
  type FineTuneDetectorOptions,
  type ObjectSource,
  type RunSettings,
} from 'tfjs-revcol';
import { divideMarked } from '../../src/finetune/detector/marked_pictures';
import { describeBackends, expectNoLeak } from '../support/backends';
import {
  annotations,
  CLASSES,
  FEW,
  NAME,
  pixelsOf,
  SIDE,
  squares,
  TINY,
  tinyDetector,
} from './detector_support';
import { expectExactResume } from './stopped';
import { weightsOf } from './support';

let folder: string;
beforeEach(() => {
  folder = fs.mkdtempSync(path.join(os.tmpdir(), 'revcol-detector-'));
});
afterEach(() => fs.rmSync(folder, { recursive: true, force: true }));

const MODEL = { name: NAME, ...TINY, pretrained: false } as const;
const SIZES = { shortSide: SIDE, longSide: SIDE };

describeBackends(
  'fineTuneDetector',
  () => {
    test('stopped anywhere and gone on with, a run ends as one that was not', async () => {
      const train = async (more: RunSettings) => {
        const result = await fineTuneDetector(MODEL, squares(6), { ...FEW, ...more });
        expect(result.best?.boxAP).toBe(result.evaluation?.box.AP);
        expect(result.settings).toMatchObject({ examples: 5, validation: 1, layerDecay: 1 });
        return result;
      };
      const measured = ['validationBoxAP', 'validationMaskAP'] as const;
      await expectExactResume(train, measured, folder, [1, 3], (saveTo) =>
        expect(
          fineTuneDetector(MODEL, squares(6), { ...FEW, saveTo, resume: true, milestones: [0.5] }),
        ).rejects.toThrow(/has milestones \[0.75,0.91.*, this one \[0.5\]; an exact resume needs/),
      );
    });
  },
  { only: ['wasm', 'tensorflow'] },
);

describeBackends(
  'fineTuneDetector on one backend',
  () => {
    test('a side that is left open is not saved, and ends nothing', async () => {
      const open = { ...FEW, epochs: 1, detecting: { shortSide: 24, longSide: undefined } };
      const { model } = await fineTuneDetector(MODEL, squares(2), { ...open, validation: 0 });
      const saved = model.getUserDefinedMetadata() as object;
      expect(saved).toMatchObject({ shortSide: 24 });
      expect(Object.keys(saved)).not.toContain('longSide');
      model.dispose();
    });

    test('learns, and what it gives detects and is evaluated by itself', async () => {
      const data = squares(4);
      await expectNoLeak(async () => {
        const rates: number[] = [];
        const sizes = { patchSize: 2, finestScale: 6, anchorScales: [6] };
        const { model, history, best, evaluation } = await fineTuneDetector(
          { ...MODEL, ...sizes },
          data,
          {
            ...FEW,
            epochs: 30,
            learningRate: 0.01,
            validation: 0,
            onStep: ({ learningRate }) => void rates.push(learningRate),
          },
        );
        // Warm-up, and a tenth after 45 and 55 of 60 steps.
        const some = [0, 3, 44, 45, 54, 55].map((step) => rates[step]?.toFixed(6));
        expect(some).toEqual([
          '0.000010',
          '0.010000',
          '0.010000',
          '0.001000',
          '0.001000',
          '0.000100',
        ]);
        expect([best, evaluation, history.length]).toEqual([null, null, 60]);
        // Its classes and sizes are saved with it.
        const scores = await evaluateDetector(model, data, { proposals: 16, maxDetections: 4 });
        expect(scores).toMatchObject({ pictures: 4, objects: 4, skipped: [] });
        expect(scores.perClass.map(({ name }) => name)).toEqual(CLASSES);
        expect(scores.box.AP50).toBeGreaterThan(0.5);
        expect(scores.mask.AP50).toBeGreaterThan(0.5);
        expect(model.getUserDefinedMetadata()).toMatchObject({ ...SIZES, classNames: CLASSES });
        model.dispose();
      });
    });

    test('the heads alone are trained where that is asked; without validation the last weights count', async () => {
      const given = tinyDetector();
      const before = weightsOf(given);
      const names = given.weights.map(({ originalName }) => originalName);
      const { evaluation, best, stopped } = await fineTuneDetector(given, squares(3), {
        ...FEW,
        train: 'head',
        epochs: 1,
        validation: 0,
      });
      expect([evaluation, best, stopped]).toEqual([null, null, 'epochs']);
      const changed = weightsOf(given).map(
        (values, i) => JSON.stringify(values) !== JSON.stringify(before[i]),
      );
      const some = (part: RegExp) =>
        changed.filter((is, i) => is && part.test(names[i] as string)).length;
      expect([some(/^backbone/), some(/^neck/)]).toEqual([0, 0]);
      expect(some(/^rpn_head/)).toBeGreaterThan(3);
      expect(some(/^roi_head/)).toBeGreaterThan(10);
      given.dispose();
    });

    test('stored and reversible columns are trained alike', async () => {
      const begin = tinyDetector();
      const losses: number[][] = [];
      for (const backprop of ['stored', 'reversible'] as const) {
        const given = tinyDetector({ backprop });
        given.setWeights(begin.getWeights());
        const own: number[] = [];
        const onStep: FineTuneDetectorOptions['onStep'] = ({ loss }) => void own.push(loss);
        const options = { ...FEW, learningRate: 1e-4, validation: 0, epochs: 1, onStep };
        await fineTuneDetector(given, squares(6), options);
        losses.push(own);
        given.dispose();
      }
      begin.dispose();
      const [stored, reversible] = losses as [number[], number[]];
      expect(reversible).toHaveLength(3);
      stored.forEach((loss, i) =>
        expect(Math.abs(loss - (reversible[i] as number))).toBeLessThan(i === 0 ? 1e-5 : 1e-3),
      );
    });

    test('a broken picture ends a run with everything as it was, or is left out', async () => {
      const whole = squares(5);
      const wrong: ObjectSource = {
        ...whole,
        // No longer one of COCO's annotations.
        ...{ dataset: undefined, imageId: undefined },
        name: (i) => `picture ${i}`,
        objects: (i) => (i === 3 ? { ...whole.objects(i), masks: undefined } : whole.objects(i)),
      };
      const given = tinyDetector();
      const before = weightsOf(given);
      const saveTo = path.join(folder, 'run');
      const options = { ...FEW, validation: 0, epochs: 1, saveTo };
      await expectNoLeak(() =>
        expect(fineTuneDetector(given, wrong, options)).rejects.toThrow(
          /example 3 cannot be read: picture 3: its objects have no masks; expected one for each/,
        ),
      );
      expect(weightsOf(given)).toEqual(before);
      const { skipped, steps } = await fineTuneDetector(given, wrong, {
        ...FEW,
        validation: 0,
        epochs: 1,
        batch: 1,
        onError: 'skip',
      });
      expect([skipped.map(({ name }) => name), steps]).toEqual([['picture 3'], 4]);
      const labelled = { ...wrong, objects: (i: number) => ({ ...whole.objects(i), labels: [2] }) };
      await expect(
        fineTuneDetector(given, labelled as unknown as ObjectSource, { ...FEW, validation: 0 }),
      ).rejects.toThrow(/the label of object 0 is 2; expected the number of a class, from 0 to 1/);
      given.dispose();
    });

    test('what is marked is looked at first: what is not there, what changed, where objects are', () => {
      const whole = squares(8);
      const plain = { ...whole, dataset: undefined };
      const divided = (objects: ObjectSource['objects'], onError?: 'skip') =>
        divideMarked('divide', { ...plain, objects }, { onError, validation: 0.25 });
      const { lines } = divided(whole.objects);
      const other = (changed: object) =>
        divided((i) => ({ ...whole.objects(i), ...(i === 5 ? changed : {}) })).lines;
      const { boxes, masks = [], crowds } = whole.objects(5);
      for (const changed of [
        { boxes: boxes.map((value) => value + 1) },
        { masks: masks.map((mask) => ({ ...mask, size: [SIDE, SIDE + 1] as const })) },
        { crowds: boxes },
      ]) {
        const found = other(changed).map((line, i) => line !== lines[i]);
        expect(found).toEqual(lines.map((_line, i) => i === 5));
      }
      expect(other({ crowds })).toEqual(lines);
      for (const wrong of [undefined, {}, { boxes }]) {
        const objects = (i: number) => (i === 5 ? (wrong as never) : whole.objects(i));
        expect(() => divided(objects)).toThrow(
          /divide: 5: objects is .*; expected \{ width, height/,
        );
        expect(divided(objects, 'skip').lines[5]).toBe('5');
      }
      // Masks are what is learned, and what validation is judged by.
      const bare = cocoSource(annotations(8), () => Promise.resolve(pixelsOf(0).image), {
        masks: false,
      });
      const without = (broken: readonly number[]) => ({
        ...plain,
        objects: (i: number) => (broken.includes(i) ? bare : whole).objects(i),
      });
      expect(() => divided(bare.objects)).toThrow(
        /^divide: the objects in 0 have no masks, and so in 7 other pictures; .* without masks: false$/,
      );
      // Of a single one to train on reading tells.
      const { training } = divided(whole.objects);
      expect(divided(without(training.slice(0, 1)).objects).training).toEqual(training);
      for (const onError of [undefined, 'skip'] as const) {
        const asked = (validation: ObjectSource) => () =>
          divideMarked('divide', plain, { onError, validation });
        expect(asked(bare)).toThrow(/^divide: validation: the objects in 0 have no masks/);
        if (onError) expect(asked(without([5]))).not.toThrow();
        else expect(asked(without([5]))).toThrow(/validation: the objects in 5 have no masks; /);
      }
      // Where few have objects, one of them is kept.
      const nothing = { boxes: crowds, labels: new Int32Array(), masks: [] };
      const few = divided((i) => ({ ...whole.objects(i), ...(i < 6 ? nothing : {}) }));
      expect(few.validation?.order.some((i) => i >= 6)).toBe(true);
      expect(few.training.some((i) => i >= 6)).toBe(true);
    });

    test('a loss that is not finite is told, and nothing to find, too', async () => {
      await expectNoLeak(() =>
        expect(
          fineTuneDetector(MODEL, squares(5), { ...FEW, epochs: 9, learningRate: 1e30 }),
        ).rejects.toThrow(DivergedError),
      );
      const empty = cocoSource({ ...annotations(2), annotations: [] }, () =>
        Promise.resolve(pixelsOf(0).image),
      );
      const none = /no object in the 2 pictures for validation.* --coco-val/;
      const onStep = () => {
        throw new Error('a step');
      };
      const early = { ...FEW, onStep };
      await expect(
        fineTuneDetector(MODEL, squares(2), { ...early, validation: empty }),
      ).rejects.toThrow(none);
      const rare = { ...annotations(9), annotations: annotations(1).annotations };
      await expect(
        fineTuneDetector(
          MODEL,
          cocoSource(rare, () => Promise.resolve(pixelsOf(0).image)),
          early,
        ),
      ).rejects.toThrow(none);
      // Pictures without objects are trained on: they are background.
      await expectNoLeak(async () => {
        const { model, steps } = await fineTuneDetector(
          { ...MODEL },
          { ...empty, classNames: CLASSES },
          { ...FEW, epochs: 1, validation: 0 },
        );
        expect(steps).toBe(1);
        model.dispose();
      });
    });

    test('evaluateDetector gives what evaluateCoco gives, with classes in another order and crowds', async () => {
      const given = tinyDetector();
      // Random heads find something everywhere.
      for (const weight of given.weights) {
        const variable = weight.read() as tf.Variable;
        if (!/(classes|deltas|objectness|logits)\/kernel/.test(weight.originalName)) continue;
        tf.tidy(() => variable.assign(tf.randomNormal(variable.shape, 0, 0.3, 'float32', 7)));
      }
      const dataset = annotations(4);
      const [first, ...others] = dataset.annotations;
      const crowd = { ...(first as (typeof others)[number]), iscrowd: 1 as const };
      const marked = { ...dataset, annotations: [crowd, ...others] };
      const read = (file: string) => Promise.resolve(pixelsOf(Number(file)).image);
      const source = cocoSource(marked, read, { classNames: ['blue', 'red'] });
      const options = { ...SIZES, scoreThreshold: 0.01, proposals: 16 };
      const got = await evaluateDetector(given, source, { ...options, classNames: CLASSES });
      const results = [];
      for (const { id } of marked.images) {
        results.push(
          ...cocoResults(id, await detect(given, await read(String(id - 10)), options), [5, 6]),
        );
      }
      expect(results.length).toBeGreaterThan(8);
      const box = evaluateCoco(marked, results, { kind: 'box' });
      const masks = results.map(({ bbox: _, ...one }) => one);
      const mask = evaluateCoco(marked, masks as never, { kind: 'mask' });
      expect([got.box.AP, got.box.AP50, got.mask.AP]).toEqual([box.AP, box.AP50, mask.AP]);
      expect(got.objects).toBe(3);
      expect(got.perClass.map(({ boxAP }) => boxAP)).toEqual(box.categories.map(({ AP }) => AP));
      given.dispose();
    });

    test('what does not fit is told before anything is done', async () => {
      const data = squares(4);
      const classifier = tf.sequential({
        layers: [tf.layers.flatten({ inputShape: [8, 8, 3] }), tf.layers.dense({ units: 2 })],
      });
      const three = tinyDetector({ numClasses: 3 });
      const fixed = tinyDetector({ inputShape: [SIDE, SIDE, 3] });
      const wrong: [Parameters<typeof fineTuneDetector>, RegExp][] = [
        [[MODEL, { ...data, length: 0 }], /the data hold no picture/],
        [[MODEL, {} as ObjectSource], /the data are no pictures with marked objects; expected/],
        [[classifier, data], /has 0 layers RPNHead; expected one/],
        [[three, data], /has 3 classes, but the pictures have 2; make it with numClasses: 2/],
        [[fixed, data], /expected RGB images of any size/],
        [[3 as never, data], /model is 3; expected a tf.LayersModel, a name such as/],
        [[{ ...MODEL, numClasses: 4 }, data], /numClasses is 4, but the pictures have 2 classes/],
        [[MODEL, data, { augment: { flip: 2 } }], /flip is 2/],
        [
          [MODEL, data, { augment: 'light' as 'none' }],
          /augment is "light"; expected one of 'none'/,
        ],
        [
          [MODEL, data, { milestones: [0.5, 0.2] }],
          /milestones\[1\] is 0.2; expected a number from/,
        ],
        [[MODEL, data, { training: { beta: 0 } }], /training.overlaps has 3 numbers; expected 1/],
        [
          [MODEL, data, { detecting: { overlap: 2 } }],
          /overlap is 2; expected a number from 0 to 1/,
        ],
        [[MODEL, data, { detecting: 3 as never }], /detecting: options are 3/],
        [[MODEL, data, { preprocessing: { mean: 1 as never } }], /mean is 1; expected a list/],
        [[MODEL, data, { preprocessing: { mean: [0.5] as never } }], /mean is \[0.5\]; expected/],
        [[MODEL, data, { preprocessing: { mean: [0, NaN, 0] } }], /mean is \[0, NaN, 0\]/],
        [[MODEL, data, { preprocessing: { std: [0, 1, 1] } }], /expected numbers above 0/],
        [
          [MODEL, data, { detecting: { mean: [0, 0, 0] } as object }],
          /detecting: .* no option 'mean'/,
        ],
        [[MODEL, data, { memory: 9 } as object], /memory/],
        [[MODEL, data, { resume: true }], /resume is true without saveTo/],
        [[MODEL, data, { validation: 1 }], /validation is 1; expected a number in \[0, 1\)/],
        [
          [MODEL, data, { validation: { ...data, classNames: ['red', 'green'] } }],
          /the model knows no class "green"/,
        ],
      ];
      for (const [args, message] of wrong) {
        await expectNoLeak(() => expect(fineTuneDetector(...args)).rejects.toThrow(message));
      }
      // Told before a picture is read, which is not to blame.
      const unread = { ...data, read: () => Promise.reject(new Error('read')) };
      for (const [options, message] of [
        [{ classNames: 'abc' }, /^evaluateDetector: classNames is "abc"; expected a list/],
        [{ classNames: [1, 2, 3] }, /^evaluateDetector: the name of class 0 is 1/],
        [{ mean: [1] }, /^evaluateDetector: mean is \[1\]/],
        [{ scoreThreshold: 2 }, /^evaluateDetector: scoreThreshold is 2/],
      ] as const) {
        await expect(evaluateDetector(fixed, unread, options as never)).rejects.toThrow(message);
      }
      const bare = { ...data, dataset: undefined, objects: () => undefined as never };
      await expect(evaluateDetector(fixed, bare)).rejects.toThrow(
        /0: objects is undefined; expected/,
      );
      for (const model of [classifier, three, fixed]) model.dispose();
    });
  },
  { only: ['wasm'] },
);
