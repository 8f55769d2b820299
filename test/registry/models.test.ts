/** What has a name: sizes, published weight sets, and what is said of names that do not exist. */
import { isModelSizeName, SIZE_NAMES } from '../../src/registry/architectures';
import { DETECTION_WEIGHTS } from '../../src/registry/detection';
import { listModels, modelRecord as recordOf } from '../../src/registry/models';
import { pretrainedWeights } from '../../src/registry/names';
import { PRETRAINED_WEIGHTS } from '../../src/registry/pretrained';
import { SEGMENTATION_WEIGHTS } from '../../src/registry/segmentation';
import { MODEL_SIZES, VIT_SIZES } from '../../src/registry/sizes';
import { TEXT_WEIGHTS } from '../../src/registry/text';
import { describeGoldens, readGoldenJson } from '../support/goldens';

const modelRecord = (name: string) => recordOf('createModel', name);

type Shapes = Record<string, [name: string, shape: number[]][] | Record<string, number[]>>;

describeGoldens('sizes against the published parameter shapes', () => {
  const shapes = readGoldenJson('parameter_shapes.json') as Shapes;

  // A size without published weights has no golden shapes.
  const keyOf = (name: string) => name.replace('revcol_', '');
  const published = Object.values(MODEL_SIZES).filter(({ name }) => keyOf(name) in shapes);

  test('every list of shapes is that of a size', () => {
    const lists = Object.keys(shapes).filter((key) => !key.endsWith('_supervised'));
    expect(published.map(({ name }) => keyOf(name)).sort()).toEqual(lists.sort());
  });

  test.each(published)('$name', (size) => {
    const entries = shapes[keyOf(size.name)];
    const named = new Map<string, number[]>(
      Array.isArray(entries) ? entries : Object.entries(entries ?? {}),
    );
    const count = [...named.values()].reduce(
      (sum, shape) => sum + shape.reduce((a, b) => a * b, 1),
      0,
    );
    expect(count).toBe(size.parameters);
    const { patchSize, kernelSize, channels, columns, depths } = size;
    expect(named.get('stem.0.weight')).toEqual([channels[0], 3, patchSize, patchSize]);
    expect(named.has(`subnet${columns - 1}.alpha0`)).toBe(true);
    expect(named.has(`subnet${columns}.alpha0`)).toBe(false);
    for (const [level, depth] of depths.entries()) {
      const block = (i: number) => `subnet0.level${level}.blocks.${i}.dwconv.weight`;
      expect(named.get(block(depth - 1))).toEqual([channels[level], 1, kernelSize, kernelSize]);
      expect(named.has(block(depth))).toBe(false);
    }
    expect(named.get('cls.classifier.1.weight')).toEqual([1000, channels[3]]);
    const top = [...named.keys()].some((name) => name.startsWith('subnet1.level0.fusion.up2.'));
    expect(top).toBe(size.topFusion);
  });
});

describe('published weight sets', () => {
  const sets = Object.values(PRETRAINED_WEIGHTS);

  test.each(sets)('$name is consistent', (set) => {
    expect(set.name.startsWith(`${set.size}.`)).toBe(true);
    expect(isModelSizeName(set.size)).toBe(true);
    expect(PRETRAINED_WEIGHTS[set.name]).toBe(set);
    for (const { url, sha256, bytes } of set.sources) {
      expect(url.endsWith(`/${set.fileName}`)).toBe(true);
      expect(new URL(url).protocol).toBe('https:');
      if (sha256 !== undefined) expect(sha256).toMatch(/^[0-9a-f]{64}$/);
      if (bytes !== undefined) {
        expect(Math.abs(bytes - set.approximateBytes) / bytes).toBeLessThan(0.005);
      }
    }
    expect(set.inputSize[0]).toBe(set.inputSize[1]);
    // As the official evaluation crops.
    if (set.origin === 'https://github.com/megvii-research/RevCol') {
      expect(set.crop).toBe(set.inputSize[0] > 224 ? 'squash' : 'center');
    }
    expect(set.fineTunedOn === undefined || !set.intermediateSupervision).toBe(true);
    // Only a set for ImageNet-1k can have an accuracy on it; those of this package have one of their own data.
    if (set.packageFile !== undefined) expect(set.classNames).toHaveLength(set.numClasses ?? 0);
    else if (set.top1 !== undefined) expect(set.numClasses).toBe(1000);
  });

  test('a file has room for its weights as float32, in this package as float16', () => {
    for (const { weights, parameters } of listModels({
      pretrained: true,
      task: 'classification',
    })) {
      if (parameters !== undefined) {
        // The published length is rounded to three digits.
        const itemBytes = weights?.packageFile === undefined ? 4 : 2;
        expect((weights?.approximateBytes ?? 0) * 1.005).toBeGreaterThan(itemBytes * parameters);
      }
    }
  });

  test('no two sets share a file or a checksum', () => {
    expect(new Set(sets.map(({ fileName }) => fileName)).size).toBe(sets.length);
    // All sources of a set hold one file.
    const sums = sets.flatMap(({ sources }) => [
      ...new Set(sources.flatMap(({ sha256 }) => sha256 ?? [])),
    ]);
    expect(new Set(sums).size).toBe(sums.length);
  });

  test('the accuracies are those of the published table', () => {
    const accuracies = Object.fromEntries<number | undefined>(
      sets.map(({ name, top1 }) => [name, top1]),
    );
    expect(accuracies).toMatchObject({
      'revcol_base.in22k': undefined,
      'revcol_large.in22k': undefined,
      'revcol_huge.megdata168m': undefined,
      'revcol_tiny.in1k': 82.2,
      'revcol_small.in1k': 83.5,
      'revcol_base.in1k': 84.1,
      'revcol_base.in22k_ft_in1k_224': 85.6,
      'revcol_base.in22k_ft_in1k_384': 86.7,
      'revcol_large.in22k_ft_in1k_224': 86.6,
      'revcol_large.in22k_ft_in1k_384': 87.6,
      'revcol_huge.megdata168m_ft_in1k_640': 90.0,
    });
  });
});

describe('listModels', () => {
  const names = (options?: Parameters<typeof listModels>[0]) =>
    listModels(options).map(({ name }) => name);

  test('sizes, sets, or both', () => {
    expect(names({ pretrained: false })).toEqual(SIZE_NAMES);
    expect(SIZE_NAMES).toEqual([...Object.keys(MODEL_SIZES), ...Object.keys(VIT_SIZES)]);
    const [sets, segmenters, detectors, texts] = [
      PRETRAINED_WEIGHTS,
      SEGMENTATION_WEIGHTS,
      DETECTION_WEIGHTS,
      TEXT_WEIGHTS,
    ].map(Object.keys) as [string[], string[], string[], string[]];
    const published = [...sets, ...segmenters, ...detectors, ...texts];
    expect(new Set(names({ pretrained: true }))).toEqual(new Set(published));
    expect(names()).toHaveLength(SIZE_NAMES.length + published.length);
    expect(names({ task: 'segmentation' })).toEqual(segmenters);
    expect(names({ task: 'detection' })).toEqual(detectors);
    expect(names({ task: 'segmentation', pretrained: false })).toEqual([]);
    expect(names({ task: 'classification', pretrained: true })).toHaveLength(sets.length);
    expect(names({ task: 'text' })).toEqual(texts);
    const others = [...segmenters, ...detectors, ...texts];
    expect(names().slice(-others.length)).toEqual(others);
    expect(() => names({ task: 'tracking' as never })).toThrow(
      "'classification', 'segmentation', 'detection', 'text'",
    );
  });

  test('smallest first, RevCol-ViT last, and every set behind its size', () => {
    const families = [Object.values(MODEL_SIZES), Object.values(VIT_SIZES)];
    for (const family of families) {
      const counts = family.map(({ parameters }) => parameters);
      expect(counts).toEqual([...counts].sort((a, b) => a - b));
    }
    const order = names({ task: 'classification' }).map((name) =>
      SIZE_NAMES.findIndex((size) => name.split('.')[0] === size),
    );
    expect(order).toEqual([...order].sort((a, b) => a - b));
  });

  test('every record has the fields there have always been', () => {
    for (const { name, size, weights, parameters } of listModels({ task: 'classification' })) {
      if ('vocabularySize' in size) throw new Error(`${name} is of texts`);
      expect(name.split('.')[0]).toBe(size.name);
      expect(weights?.name).toBe(name.includes('.') ? name : undefined);
      if (weights === undefined) expect(parameters).toBe(size.parameters);
      expect(size).toMatchObject({ patchSize: expect.any(Number) as number });
      const levels = size.name === 'revcol_femto' ? 3 : 4;
      expect([size.channels.length, size.depths.length]).toEqual([levels, levels]);
      expect(size.columns).toBeGreaterThan(0);
      expect(typeof size.topFusion).toBe('boolean');
    }
    expect(JSON.parse(JSON.stringify(modelRecord('revcol_vit_base')))).toMatchObject({
      size: { width: 384, parameters: 89_057_800, imageSize: 224 },
    });
  });

  test('globs match whole names and nothing else', () => {
    expect(names({ filter: 'revcol_base' })).toEqual(['revcol_base']);
    expect(names({ filter: 'revcol_base*384' })).toEqual(['revcol_base.in22k_ft_in1k_384']);
    const fineTuned = Object.values(PRETRAINED_WEIGHTS).filter((set) => set.fineTunedOn);
    expect(names({ filter: '*_ft_in1k_*', pretrained: true })).toHaveLength(fineTuned.length);
    expect(names({ filter: `${'*'.repeat(40)}_ft_in1k_${'*'.repeat(40)}` })).toHaveLength(
      fineTuned.length,
    );
    expect(names({ filter: `${'*'.repeat(40)}!` })).toEqual([]);
    expect(names({ filter: 'revcol_vit_*' })).toEqual(Object.keys(VIT_SIZES));
    expect(names({ filter: 'revcol_tin?' })).toEqual(['revcol_tiny']);
    expect(names({ filter: 'revcol_tiny?in1k' })).toEqual(['revcol_tiny.in1k']);
    expect(names({ filter: 'revcol.tiny' })).toEqual([]);
    expect(names({ filter: '(' })).toEqual([]);
  });
});

describe('modelRecord', () => {
  test('gives architecture, weights and exact parameters', () => {
    const record = modelRecord('revcol_base.in22k');
    expect(record.size).toBe(MODEL_SIZES.revcol_base);
    expect(record.weights).toBe(PRETRAINED_WEIGHTS['revcol_base.in22k']);
    // Head of 21841 classes: 576 weights and a bias each.
    expect(record.parameters).toBe(138_616_408 + 20_841 * 577);
    expect(modelRecord('revcol_huge.megdata168m').parameters).toBeUndefined();
    expect(modelRecord('revcol_tiny').weights).toBeUndefined();
  });

  test('errors name what comes near', () => {
    expect(() => modelRecord('revcol_tinny')).toThrow(/'revcol_tinny'.*revcol_tiny/);
    expect(() => modelRecord('RevCol_Large')).toThrow(/did you mean 'revcol_large'\?/);
    expect(() => modelRecord('revcol_tiny.in22k')).toThrow('revcol_tiny has revcol_tiny.in1k');
    expect(() => modelRecord('revcol_xlarge.in22k')).toThrow('no weights of revcol_xlarge');
    expect(() => modelRecord('revcol_vit_smal')).toThrow(/nearest names: revcol_vit_small, /);
    expect(() => modelRecord('revcol_vit_base.in1k')).toThrow('no weights of revcol_vit_base');
    expect(() => recordOf('asked', 'revcol_tny')).toThrow(/^asked: unknown model 'revcol_tny'/);
    expect(() => modelRecord('')).toThrow('unknown model');
    expect(() => modelRecord('constructor')).toThrow('unknown model');
  });

  test('pretrainedWeights wants a tag', () => {
    expect(pretrainedWeights('revcol_small.in1k').fileName).toBe('revcol_small_1k.pth');
    expect(() => pretrainedWeights('revcol_base')).toThrow(
      /say which weights: revcol_base\.in1k, /,
    );
    expect(() => pretrainedWeights('revcol_xlarge')).toThrow('no weights of revcol_xlarge');
    expect(() => pretrainedWeights('revcol_vit_base')).toThrow('no weights of revcol_vit_base');
    expect(() => pretrainedWeights('revcol_tny')).toThrow(/^pretrainedWeights: unknown model/);
  });
});
