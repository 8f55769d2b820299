/** The pieces of `npm start` on few digits. */
import 'tfjs-revcol/node';
import * as fs from 'node:fs/promises';
import * as os from 'node:os';
import * as path from 'node:path';
import * as tf from '@tensorflow/tfjs';
import { DOMParser } from '@xmldom/xmldom';

import { memoryChart } from '../../examples/digits/chart';
import {
  centredBatch,
  CROP_SIDE,
  type Digit,
  loadDigits,
  shiftedBatches,
  splitDigits,
} from '../../examples/digits/data';
import { type Measurement, measureStep, memoryTable } from '../../examples/digits/memory';
import { digitsModel, learningRate } from '../../examples/digits/model';
import { accuracy, predict, stepCount, train } from '../../examples/digits/training';
import { seededRandom } from '../../examples/shared/random';
import { withSeededRandom } from '../../src/ops/engine/random';
import { describeBackends, expectNoLeak } from '../support/backends';

const DIGITS = loadDigits();
const { train: SEEN, test: UNSEEN } = splitDigits(DIGITS, 2000);
const FEW = SEEN.slice(0, 120);

/** Rows of a one-hot matrix, as text. */
const ONE_HOT = Array.from({ length: 10 }, (_, c) =>
  Array.from({ length: 10 }, (_zero, i) => Number(i === c)).join(),
);

/** A digit as text, the same for the same image only. */
function fingerprint({ pixels }: Digit): string {
  return Buffer.from(pixels.buffer).toString('base64');
}

describe('the digits', () => {
  test('are 10 000 images, values from 0 to 1, about as many of each class', () => {
    expect(DIGITS).toHaveLength(10000);
    const counts = Array.from({ length: 10 }, (_, c) => DIGITS.filter((d) => d.label === c).length);
    expect(Math.min(...counts)).toBeGreaterThan(800);
    for (const { pixels } of DIGITS) {
      expect(pixels).toHaveLength(784);
      const [least, most] = [Math.min(...pixels), Math.max(...pixels)];
      if (!(least === 0 && most > 0.5 && most <= 1)) throw new Error(`from ${least} to ${most}`);
    }
  });

  test('no image is in both parts of the split, which holds all of them and is always the same', () => {
    const [seen, unseen] = [SEEN, UNSEEN].map((part) => part.map(fingerprint)) as [
      string[],
      string[],
    ];
    expect(unseen).toHaveLength(2000);
    expect(new Set([...seen, ...unseen]).size).toBe(10000);
    const again = splitDigits(loadDigits(), 2000);
    expect(again.test.map(fingerprint)).toEqual(unseen);
  });
});

describeBackends('batches of digits', () => {
  test('an epoch holds every digit once, moved by up to 2 pixels, with its label', async () => {
    const size = CROP_SIDE * CROP_SIDE;
    const rows: string[] = [];
    const labels: number[] = [];
    for (const batch of shiftedBatches(FEW, 50, seededRandom(3))) {
      expect(batch.images.shape.slice(1)).toEqual([CROP_SIDE, CROP_SIDE, 1]);
      const values = batch.images.dataSync<'float32'>();
      for (let i = 0; i < batch.images.shape[0]; i++) {
        rows.push(values.slice(i * size, (i + 1) * size).join());
      }
      const oneHot = (await batch.labels.array()).map((row) => row.join());
      labels.push(...oneHot.map((row) => ONE_HOT.indexOf(row)));
      tf.dispose([batch.images, batch.labels]);
    }
    const shifts = FEW.map((digit) => new Set(allShifts(digit)));
    const found = rows.map((row) => shifts.findIndex((s) => s.has(row)));
    expect([...found].sort((a, b) => a - b)).toEqual(FEW.map((_, i) => i));
    expect(labels).toEqual(found.map((i) => FEW[i]?.label));
    expect(found).not.toEqual(FEW.map((_, i) => i));
  });

  test('a centred batch is the middle of each image', () => {
    const { images, labels } = centredBatch(FEW.slice(0, 1));
    expect(images.dataSync<'float32'>().join()).toBe(allShifts(FEW[0] as Digit)[12]);
    tf.dispose([images, labels]);
  });
});

/** The 25 crops of a digit, as text. */
function allShifts({ pixels }: Digit): string[] {
  return Array.from({ length: 25 }, (_, s) => {
    const [top, left] = [Math.floor(s / 5), s % 5];
    return Array.from({ length: CROP_SIDE }, (_row, row) => {
      const from = (top + row) * 28 + left;
      return pixels.slice(from, from + CROP_SIDE).join();
    }).join();
  });
}

test('the learning rate rises, then falls to nearly nothing', () => {
  const rates = Array.from({ length: 100 }, (_, step) => learningRate(step, 100, 0.5));
  expect(Math.max(...rates)).toBeCloseTo(0.5, 6);
  expect(rates.indexOf(Math.max(...rates))).toBe(10);
  rates.slice(1).forEach((rate, i) => {
    expect(Math.sign(rate - (rates[i] as number))).toBe(i < 10 ? 1 : -1);
  });
  expect(rates[0]).toBeGreaterThan(0);
  expect(rates[99]).toBeLessThan(0.001);
});

test('accuracy is the share of rows whose largest logit is at the label', () => {
  const digits = [0, 2, 1].map((label) => ({ pixels: new Float32Array(784), label }));
  const logits = Float32Array.from([3, 1, 2, -1, -2, -3, 0, 9, 1]);
  expect(accuracy(logits, digits)).toBeCloseTo(2 / 3, 10);
});

describeBackends(
  'the digits network',
  () => {
    const schedule = { epochs: 8, batchSize: 20, peak: 8e-3 };
    /** Zeros and ones: a few steps are enough to tell them apart. */
    const [seen, unseen] = [SEEN, UNSEEN].map((part) =>
      part.filter(({ label }) => label < 2).slice(0, 120),
    ) as [Digit[], Digit[]];

    /** Trains a new network on `seen`; gives it and its losses. */
    async function trained(seed: number) {
      const model = withSeededRandom(seed, () => digitsModel({ columns: 2 }));
      const losses: number[] = [];
      const onStep = (loss: number) => losses.push(loss);
      await train(model, seen, { ...schedule, random: seededRandom(seed), onStep });
      return { model, losses };
    }

    test('learns, the same for the same seed, and is the same once saved and loaded', async () => {
      const folder = await fs.mkdtemp(path.join(os.tmpdir(), 'digits-'));
      await expectNoLeak(async () => {
        const first = await trained(5);
        expect(first.losses).toHaveLength(stepCount(seen.length, schedule));
        const early = mean(first.losses.slice(0, 6));
        expect(mean(first.losses.slice(-6))).toBeLessThan(0.6 * early);
        const logits = predict(first.model, unseen);
        expect(accuracy(logits, unseen)).toBeGreaterThan(0.9);

        const second = await trained(5);
        expect(second.losses).toEqual(first.losses);
        second.model.dispose();

        await first.model.save(`file://${folder}`);
        const loaded = await tf.loadLayersModel(`file://${folder}/model.json`);
        expect(predict(loaded, unseen)).toEqual(logits);
        loaded.dispose();
        first.model.dispose();
      });
      await fs.rm(folder, { recursive: true });
    });

    test('more columns take more memory stored, and next to none reversible', async () => {
      await expectNoLeak(async () => {
        const peaks: Record<string, number> = {};
        for (const mode of ['stored', 'reversible'] as const) {
          for (const columns of [2, 4]) {
            const measured = await measureStep(columns, mode, FEW.slice(0, 16), 1);
            expect(measured).toMatchObject({ columns, mode });
            expect(measured.seconds).toBeGreaterThan(0);
            peaks[`${mode} ${columns}`] = measured.peakBytes;
          }
        }
        const growth = (mode: string) => (peaks[`${mode} 4`] ?? NaN) - (peaks[`${mode} 2`] ?? NaN);
        expect(peaks['reversible 4']).toBeLessThan((peaks['stored 4'] ?? NaN) / 4);
        expect(growth('reversible')).toBeLessThan(growth('stored') / 8);
      });
    });
  },
  { only: ['wasm'] }, // the backend that the example starts
);

function mean(values: readonly number[]): number {
  return values.reduce((sum, v) => sum + v, 0) / values.length;
}

describe('what npm start writes', () => {
  const measurements: Measurement[] = [2, 4, 8].flatMap((columns) => [
    { columns, mode: 'stored', peakBytes: columns * 33e6, seconds: columns * 0.03 },
    { columns, mode: 'reversible', peakBytes: 12e6 + columns * 1e6, seconds: columns * 0.04 },
  ]);

  test('the table has a row per number of columns', () => {
    const rows = memoryTable(measurements).split('\n');
    expect(rows).toHaveLength(5);
    const cells = (rows[3] as string).split('|').map((cell) => cell.trim());
    expect(cells.slice(1, -1)).toEqual(['4', '132.0', '16.0', '8.3x', '0.120', '0.160']);
  });

  test('a table with half the measurements is refused', () => {
    expect(() => memoryTable(measurements.slice(0, 3))).toThrow('4 columns: one mode is missing');
  });

  test('the chart is a valid SVG image with all values and labels', () => {
    const svg = memoryChart(measurements, 'What was measured');
    // Throws where it is not well formed.
    const document = new DOMParser().parseFromString(svg, 'image/svg+xml');
    const root = document.documentElement;
    expect(root?.namespaceURI).toBe('http://www.w3.org/2000/svg');
    expect(root?.localName).toBe('svg');
    expect(Number(root?.getAttribute('width'))).toBeGreaterThan(0);
    expect(svg).not.toMatch(/NaN|undefined/);
    const texts = Array.from(document.getElementsByTagName('text'), (node) => node.textContent);
    expect(texts).toEqual(
      expect.arrayContaining(['What was measured', 'stored', 'reversible', 'columns']),
    );
    expect(texts).toEqual(expect.arrayContaining(['66', '132', '264', '14', '16', '20']));
    expect(texts).toEqual(expect.arrayContaining(['0.06', '0.12', '0.24', '0.08', '0.16', '0.32']));
  });
});
