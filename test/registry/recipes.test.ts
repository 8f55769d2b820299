/** The published figures, read once more off the table that the configurations make. */
import { createModel, layerDecayGroups, type Recipe, recipe, type RecipeName } from 'tfjs-revcol';
import { REVCOL_ARCHITECTURES } from '../../src/registry/architectures';
import { useBackend } from '../support/backends';

beforeAll(() => useBackend('cpu'));

/** epochs, rate, warm-up epochs and rate, least rate, decay, drop path, clip, ema, layer decay, mixup, jitter */
const TABLE: Record<string, readonly (number | boolean)[]> = {
  tiny_1k: [300, 1e-3, 20, 1e-5, 1e-6, 0.05, 0.1, 0, true, 1, 0.8, 1, 0.4],
  small_1k: [300, 1e-3, 20, 1e-5, 1e-6, 0.05, 0.3, 0, true, 1, 0.8, 1, 0.4],
  base_1k: [300, 1e-3, 20, 1e-5, 1e-8, 0.05, 0.4, 5, true, 1, 0.8, 1, 0],
  base_22k: [90, 1.25e-4, 5, 1e-5, 1e-7, 0.1, 0.3, 10, false, 1, 0.8, 1, 0.4],
  xlarge_22k: [90, 1.25e-4, 5, 1e-5, 1e-7, 0.1, 0.4, 10, false, 1, 0.8, 1, 0.4],
  base_384_ft: [30, 1e-4, 0, 0, 2e-7, 1e-8, 0.2, 10, false, 0.9, 0, 0, 0],
  large_384_ft: [30, 5e-5, 0, 0, 2e-7, 1e-8, 0.3, 10, false, 0.8, 0, 0, 0],
  xlarge_384_ft: [30, 2e-5, 0, 0, 2e-7, 1e-8, 0.4, 10, true, 0.8, 0, 0, 0],
  huge_640_ft: [20, 4e-5, 0, 0, 2e-8, 1e-8, 0.4, 100, true, 0.8, 0, 0, 0],
};

/** size, crop, stride, drop path, rate, decay, layer decay, warm-up, batch */
const SEGMENTATION: Record<string, readonly (number | string)[]> = {
  upernet_revcol_tiny_fp16_512x512_160k_ade20k: ['tiny', 512, 341, 0.3, 6e-5, 0.01, 1, 1500, 16],
  upernet_revcol_small_fp16_512x512_160k_ade20k: ['small', 512, 341, 0.3, 4e-5, 0.01, 1, 1500, 16],
  upernet_revcol_base_512x512_160k_ade20k: ['base', 512, 426, 0.3, 4e-5, 0.01, 1, 1500, 16],
  upernet_revcol_base_640x640_160k_ade20k: ['base', 640, 426, 0.3, 4e-5, 0.01, 0.9, 1500, 16],
  upernet_revcol_large_fp16_640x640_160k_ade20k: [
    'large',
    640,
    426,
    0.3,
    4e-5,
    0.01,
    0.9,
    3000,
    16,
  ],
  upernet_revcol_huge_fp16_640x640_160k_ade20k: ['huge', 640, 426, 0.3, 4e-5, 0.01, 0.9, 3000, 8],
};

/** size, drop path, rate, layer decay, what the backbone knows */
const DETECTION: Record<string, readonly (number | string)[]> = {
  cmr_tiny_3x_in1k: ['tiny', 0.3, 2e-4, 0.85, 'ImageNet-1k'],
  cmr_small_3x_in1k: ['small', 0.4, 2e-4, 0.85, 'ImageNet-1k'],
  cmr_base_3x_in1k: ['base', 0.4, 2e-4, 0.9, 'ImageNet-1k'],
  cmr_base_3x_in22k: ['base', 0.4, 1e-4, 0.9, 'ImageNet-22k'],
  cmr_large_3x_in22k: ['large', 0.5, 1e-4, 0.85, 'ImageNet-22k'],
};

const NAMES = [TABLE, SEGMENTATION, DETECTION].flatMap((table) =>
  Object.keys(table),
) as RecipeName[];

function figures(r: Recipe): readonly (number | string | boolean)[] {
  const size = r.size.replace('revcol_', '');
  if (r.task === 'segmentation') {
    const { cropSize, slideStride, dropPathRate, rate, weightDecay, layerDecay } = r;
    const own = [r.warmupSteps, r.batchSize];
    return [size, cropSize, slideStride, dropPathRate, rate, weightDecay, layerDecay, ...own];
  }
  if (r.task === 'detection') {
    return [size, r.dropPathRate, r.rate, r.layerDecay, r.pretrainedOn];
  }
  const rates = [r.rate, r.warmupEpochs, r.warmupRate, r.minRate, r.weightDecay, r.dropPathRate];
  const mixing = [r.mixup, r.cutmix, r.colorJitter];
  return [r.epochs, ...rates, r.clipNorm ?? 0, r.emaDecay != null, r.layerDecay, ...mixing];
}

test.each(NAMES)('%s', (name) => {
  const found = recipe(name);
  expect(found.name).toBe(name);
  const tables: Record<string, unknown> = { ...TABLE, ...SEGMENTATION, ...DETECTION };
  expect(figures(found)).toEqual(tables[name]);
  expect(Object.keys(REVCOL_ARCHITECTURES)).toContain(found.size);
});

test('fine-tuning: hard labels, one classifier that starts small; training: both', () => {
  for (const name of Object.keys(TABLE)) {
    const r = recipe(name as 'tiny_1k');
    const tunes = name.endsWith('_ft');
    expect(r).toMatchObject({
      fineTunes: tunes,
      headInitScale: tunes ? 0.001 : 1,
      intermediateSupervision: !tunes,
      labelSmoothing: 0.1,
      randAugment: 'rand-m9-mstd0.5-inc1',
      randomErasing: 0.25,
      baseBatchSize: 1024,
      imageWeight: 3,
      classWeight: 0.7,
      imageSize: tunes ? (name === 'huge_640_ft' ? 640 : 384) : 224,
      numClasses: name.endsWith('22k') ? 21841 : 1000,
    });
    expect(r.emaDecay ?? 0.9999).toBe(0.9999);
  }
});

test('a copy each time; its figures are options of what they are for', () => {
  const first = recipe('cmr_tiny_3x_in1k');
  (first.rateDrops as number[]).push(1);
  expect(recipe('cmr_tiny_3x_in1k').rateDrops).toEqual([27, 33]);
  const { size, dropPathRate, intermediateSupervision, layerDecay, weightDecay } =
    recipe('base_384_ft');
  const model = createModel(size, {
    channels: [2, 2, 2, 2],
    columns: 4,
    inputShape: [32, 32, 3],
    dropPathRate,
    intermediateSupervision,
  });
  expect(layerDecayGroups(model, { layerDecay, weightDecay }).length).toBe(model.weights.length);
  model.dispose();
});

test('an unknown name is refused with those that there are', () => {
  expect(() => recipe('base_384' as never)).toThrow(
    /^recipe: there is no recipe "base_384"; nearest is 'base_384_ft'; there are tiny_1k, .*cmr_large_3x_in22k$/,
  );
  for (const name of ['toString', 5, undefined, {}]) {
    expect(() => recipe(name as never)).toThrow(
      /^recipe: there is no recipe .*; there are tiny_1k/,
    );
  }
});
