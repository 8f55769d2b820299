/** Every layer class that importing the package registers: its options survive saving. */
import * as tf from '@tensorflow/tfjs';

import type * as revcol from 'tfjs-revcol';

// tfjs knows these without the package; what appears afterwards is the package's.
const classMap = () => tf.serialization.SerializationMap.getMap().classNameMap;
const stock = new Set(Object.keys(classMap()));
// eslint-disable-next-line @typescript-eslint/no-require-imports
const { layers } = require('tfjs-revcol') as typeof revcol;
const CLASSES = Object.entries(classMap())
  .filter(([name, [cls]]) => !stock.has(name) && cls.prototype instanceof tf.layers.Layer)
  .map(([name]) => name);

type Config = Record<string, unknown>;

/** Values of options, none of them a default, and a shape that the layer takes (without batch). */
interface Case {
  options: Config;
  inputs: (number | null)[][];
}

const COLUMN = {
  channels: [6, 7],
  depths: [1, 0],
  kernelSize: 5,
  dropPathRate: 0.25,
  topFusion: true,
  backprop: 'stored',
  isotropic: true,
  block: [
    { className: 'Activation', config: { name: 'b0', trainable: true, activation: 'tanh' } },
    { className: 'Dropout', config: { name: 'b1', trainable: true, rate: 0.5 } },
  ],
  fusion: { className: 'LevelFusion', config: { name: 'f', level: 1, isotropic: true } },
};

const ATTENTION = {
  numHeads: 3,
  keyDim: 5,
  useCausalMask: true,
  attention: 'cosine',
  chunkSize: 7,
  initializerRange: 0.04,
};

const BLOCK = {
  ...ATTENTION,
  intermediateDim: 9,
  norm: 'post',
  dropout: 0.125,
  attentionDropout: 0.375,
  layerNormEpsilon: 1e-5,
};

const IMAGE = [8, 9, 3];
const SEQUENCE = [8, 6];

/** What `tf.layers` know as well, which have no defaults here. */
const COMMON = { name: 'mine', trainable: false };

const CASES: Record<string, Case[]> = {
  ConvNextBlock: [
    {
      options: { kernelSize: 7, expansion: 2, dropRate: 0.25, layerScaleInit: 0.5 },
      inputs: [IMAGE],
    },
  ],
  LevelFusion: [
    {
      options: { filters: 3, level: 2, isotropic: true, paths: 'norm' },
      inputs: [IMAGE, IMAGE],
    },
  ],
  RevColStem: [{ options: { filters: 9, patchSize: 3 }, inputs: [IMAGE] }],
  RevColHead: [{ options: { units: 9 }, inputs: [IMAGE] }],
  RevColImageDecoder: [
    {
      options: { channels: [5, 6, 3], kind: 'simple', patchSize: 2, imageChannels: 1 },
      inputs: [IMAGE],
    },
  ],
  RevColUPerHead: [
    {
      options: { units: 9, filters: 6, poolScales: [1, 4], dropout: 0.25 },
      inputs: [IMAGE, [4, 4, 5], [2, 2, 6]],
    },
  ],
  RevColFCNHead: [{ options: { units: 9, filters: 6, convs: 2, dropout: 0.25 }, inputs: [IMAGE] }],
  RevColFPN: [{ options: { filters: 6, outputs: 4 }, inputs: [IMAGE, [4, 5, 5], [3, 2, 6]] }],
  RevColRPNHead: [
    {
      options: { anchorScales: [4, 9], anchorRatios: [2], strides: [3, 7] },
      inputs: [IMAGE, [4, 5, 3]],
    },
  ],
  RevColBoxHead: [{ options: { units: 9, convs: 1, hidden: 6 }, inputs: [[5, 5, 3]] }],
  RevColMaskHead: [{ options: { units: 9, convs: 2 }, inputs: [[5, 5, 3]] }],
  RevColCascadeHead: [
    {
      options: {
        units: 9,
        deltaScales: [
          [0.5, 0.25, 0.125, 1],
          [1, 2, 3, 4],
        ],
        hidden: 6,
        convs: 1,
        strides: [2, 4],
        finestScale: 20,
      },
      inputs: [
        [3, 3, 5],
        [4, 4, 5],
      ],
    },
  ],
  ReversibleColumn: [{ options: { ...COLUMN, output: 'last' }, inputs: [[4, 4, 6]] }],
  RevColBackbone: [
    {
      options: {
        ...COLUMN,
        columns: 6,
        patchSize: 2,
        stem: { className: 'Dense', config: { name: 's', trainable: true, units: 6 } },
        output: 'pyramid',
        levels: [1],
        anchorEvery: 3,
        pixelMean: [0.5, 0.25, 0.125],
        pixelStd: 0.25,
      },
      inputs: [IMAGE],
    },
    {
      options: {
        channels: [4, 5],
        depths: [0, 1],
        output: 'columns',
        trainable: true,
        frozen: ['stem', 'column-1/level-0/fusion', 'column-2'],
      },
      inputs: [IMAGE],
    },
    {
      options: { channels: [4, 5], depths: [0, 1], output: [0, 2], anchorEvery: 'infinity' },
      inputs: [IMAGE],
    },
    {
      options: { channels: [4, 4], depths: [0, 1], isotropic: true, fusion: 'norm' },
      inputs: [IMAGE],
    },
  ],
  RevColMultiHeadAttention: [
    { options: { ...ATTENTION, valueDim: 4, dropout: 0.5 }, inputs: [SEQUENCE] },
  ],
  RevColTransformerEncoderBlock: [{ options: { ...BLOCK, dropRate: 0.25 }, inputs: [SEQUENCE] }],
  RevColTransformerDecoderBlock: [
    { options: { ...BLOCK, useCausalMask: false }, inputs: [SEQUENCE, SEQUENCE] },
  ],
  RevColTokenEmbedding: [
    {
      options: {
        inputDim: 11,
        outputDim: 6,
        maskZero: true,
        positions: 'learned',
        sequenceLength: 8,
        scale: 2,
        dropout: 0.5,
        initializerRange: 0.04,
      },
      inputs: [[8]],
    },
  ],
  RevColLearnedPositions: [
    { options: { sequenceLength: 9, initializerRange: 0.04 }, inputs: [SEQUENCE] },
  ],
  RevColSinusoidalPositions: [{ options: { maxWavelength: 100 }, inputs: [SEQUENCE] }],
  RevColPatchEmbedding: [{ options: { filters: 9, patchSize: 4 }, inputs: [IMAGE] }],
  RevColTokenHead: [{ options: { units: 9 }, inputs: [SEQUENCE] }],
  RevColLanguageModel: [
    {
      options: {
        backbone: {
          className: 'RevColBackbone',
          config: {
            channels: [6, 6],
            depths: [1, 1],
            stem: { className: 'RevColTokenEmbedding', config: { inputDim: 11, outputDim: 6 } },
            block: {
              className: 'RevColTransformerEncoderBlock',
              config: { numHeads: 2, useCausalMask: true },
            },
          },
        },
        tieEmbeddings: false,
      },
      inputs: [[8]],
    },
  ],
  RevColTranslationDecoder: [
    {
      options: {
        embedding: { className: 'RevColTokenEmbedding', config: { inputDim: 11, outputDim: 6 } },
        block: { className: 'RevColTransformerDecoderBlock', config: { numHeads: 2 } },
        depth: 2,
        tieEmbeddings: false,
      },
      inputs: [[8], SEQUENCE, [8]],
    },
  ],
  RevColPaddingMask: [{ options: {}, inputs: [[8]] }],
};

type Constructor = new (args: Config) => tf.layers.Layer;

function create(name: string, args: Config): tf.layers.Layer {
  const [cls] = classMap()[name] as unknown as [Constructor];
  return new cls(args);
}

/** Options that only some configurations have. */
const IF_SET = new Set(['frozen', 'trainable']);

/** Options that cannot be left out, so that there is no default to differ from. */
const REQUIRED = new Set([
  'units',
  'filters',
  'inputDim',
  'outputDim',
  'numHeads',
  'keyDim',
  'backbone',
  'embedding',
  'block',
  'depth',
]);

test('every class that the package registers is here, and every option of it', () => {
  expect(CLASSES.length).toBeGreaterThan(10);
  expect(Object.keys(CASES)).toEqual(expect.arrayContaining(CLASSES));
  for (const name of CLASSES) {
    const cases = CASES[name] as Case[];
    const given = new Set(cases.flatMap(({ options }) => Object.keys(options)));
    const config = create(name, (cases[0] as Case).options).getConfig();
    const own = Object.keys(config).filter((key) => key !== 'name' && key !== 'trainable');
    expect([...given].filter((key) => !own.includes(key) && !IF_SET.has(key))).toEqual([]);
    expect({ [name]: own.filter((key) => !given.has(key)) }).toEqual({ [name]: [] });
    for (const { options } of cases.slice(0, 1)) {
      const needed = Object.fromEntries(
        Object.entries(options).filter(([key]) => REQUIRED.has(key) || /channels/.test(key)),
      );
      if (name === 'RevColLearnedPositions') needed.sequenceLength = options.sequenceLength;
      const defaults = create(name, {
        ...needed,
        ...('depths' in options && { depths: [1, 1] }),
      }).getConfig();
      for (const [key, value] of Object.entries(options)) {
        if (key in needed) continue;
        expect({ [key]: defaults[key] }).not.toEqual({ [key]: value });
      }
    }
  }
});

describe.each(CLASSES)('%s', (name) => {
  const cases = CASES[name] ?? [];
  // The test above tells which classes have none.
  if (cases.length === 0) return;

  test.each(cases)('getConfig holds $options', ({ options }) => {
    const layer = create(name, { ...COMMON, ...options });
    const config = layer.getConfig();
    expect(config).toMatchObject({ ...COMMON, ...options });
    // Configurations do not share what can be changed.
    const copy = JSON.stringify(config);
    for (const value of Object.values(config)) if (Array.isArray(value)) value.length = 0;
    expect(JSON.stringify(layer.getConfig())).toBe(copy);
  });

  test.each(cases)('a model of it comes back from JSON with $options', async (c) => {
    const before = tf.memory().numTensors;
    const layer = create(name, { ...COMMON, ...c.options });
    const inputs = c.inputs.map((shape) => tf.input({ shape }));
    const outputs = layer.apply(inputs.length === 1 ? (inputs[0] as tf.SymbolicTensor) : inputs);
    const model = tf.model({ inputs, outputs: outputs as tf.SymbolicTensor });
    const json = JSON.parse(model.toJSON() as string) as never;
    model.dispose();
    const again = await tf.models.modelFromJSON({ modelTopology: json });
    const config = again.getLayer('mine').getConfig();
    again.dispose();
    expect(config).toMatchObject({ ...COMMON, ...c.options });
    expect(tf.memory().numTensors).toBe(before);
  });
});

test('a backbone without anchors can be given as Infinity', () => {
  const backbone = layers.revColBackbone({ anchorEvery: Infinity });
  expect(backbone.getConfig()).toMatchObject({ anchorEvery: 'infinity' });
});

test('templates given as layers are held as their configurations', () => {
  const block = tf.layers.dense({ name: 'mine', units: 5, activation: 'tanh' });
  const config = layers.revColBackbone({ channels: [5, 5], depths: [1, 1], block }).getConfig();
  const expected = { units: 5, activation: 'tanh', name: 'mine' };
  expect(config).toMatchObject({ block: { className: 'Dense', config: expected } });
});
