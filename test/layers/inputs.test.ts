/** Every layer says what it takes, and refuses the rest before it computes: symbolic, eager, in models. */
import * as tf from '@tensorflow/tfjs';

import { layers, type RevColBackboneArgs } from 'tfjs-revcol';
import { BACKENDS, describeBackends, expectNoLeak, useBackend } from '../support/backends';

type Shape = (number | null)[];

/** A layer, the shapes it is built for (without batch), what it then takes, and what it does not. */
interface Case {
  make: () => tf.layers.Layer;
  built: Shape[];
  good: number[][][];
  /** Shapes with batch, and what the message says besides the shape. */
  bad: [shapes: number[][], message: RegExp][];
}

const SMALL: RevColBackboneArgs = { columns: 2, channels: [4, 6], depths: [1, 1], patchSize: 2 };
const OPEN: Shape = [null, null, 3];
const EXPAND = /add the batch axis with tf\.expandDims/;

const block = () => layers.transformerEncoderBlock({ numHeads: 2 });
const decoderBlock = () => layers.transformerDecoderBlock({ numHeads: 2 });
const embedding = () => layers.tokenEmbedding({ inputDim: 9, outputDim: 4 });
const tokens = { columns: 2, channels: [4, 4], depths: [1, 1], stem: embedding(), block: block() };

/** Has weights of its own, so that it is made once. */
let stem: tf.Sequential | undefined;
function stemModel(): tf.Sequential {
  stem ??= tf.sequential({
    layers: [tf.layers.conv2d({ inputShape: OPEN, filters: 4, kernelSize: 2, strides: 2 })],
  });
  return stem;
}

const CASES: Record<string, Case> = {
  revColBackbone: {
    make: () => layers.revColBackbone(SMALL),
    built: [OPEN],
    good: [[[1, 4, 4, 3]], [[2, 5, 9, 3]]],
    bad: [
      [[[1, 2, 2, 3]], /leaves no pixel at the top; give at least 4 x 4, or patchSize 1/],
      [[[1, 9, 3, 3]], /at least 4 x 4/],
      [[[1, 1, 1, 3]], /at least 4 x 4/],
      [[[1, 0, 8, 3]], /no pixel/],
      [[[1, 8, 8, 5]], /expected \[batch, height, width, 3\]/],
      [[[8, 8, 3]], EXPAND],
      [[[1, 2, 8, 8, 3]], /expected \[batch, height, width, 3\]/],
      [[[1, 8, 8, 3], [1]], /2 inputs given; expected one tensor/],
    ],
  },
  'revColBackbone with a convolution as its stem': {
    make: () =>
      layers.revColBackbone({
        ...SMALL,
        stem: tf.layers.conv2d({ filters: 4, kernelSize: 2, strides: 2 }),
      }),
    built: [OPEN],
    good: [[[1, 4, 4, 3]]],
    bad: [
      [
        [[1, 3, 3, 3]],
        /a stem that gives \[1, 1, 1, 4\].* no pixel at the top; give at least 2 x 2/,
      ],
      [[[1, 8, 8, 5]], /3.*5/],
      [[[8, 8, 3]], /expected \[batch, \.\.\.\] of rank 4/],
    ],
  },
  'revColBackbone with a model as its stem': {
    make: () => layers.revColBackbone({ ...SMALL, stem: stemModel() }),
    built: [OPEN],
    good: [[[1, 4, 4, 3]]],
    bad: [
      [[[1, 3, 3, 3]], /no pixel at the top; give at least 2 x 2 behind the stem/],
      [[[1, 8, 8, 5]], /3.*5|5.*3/],
      [[[8, 8, 3]], /rank 4/],
    ],
  },
  'revColBackbone over tokens': {
    make: () => layers.revColBackbone(tokens),
    built: [[null]],
    good: [[[1, 1]], [[2, 5]]],
    bad: [
      [[[3]], EXPAND],
      [[[1, 3, 4]], /expected \[batch, time\]/],
    ],
  },
  reversibleColumn: {
    make: () => layers.reversibleColumn({ channels: [4, 6], depths: [1, 1] }),
    built: [[null, null, 4]],
    good: [[[1, 2, 2, 4]]],
    bad: [
      [[[1, 1, 5, 4]], /no pixel at the top; give at least 2 x 2/],
      [[[1, 4, 4, 5]], /expected \[batch, height, width, 4\]/],
      [[[4, 4, 4]], EXPAND],
      [
        [
          [1, 4, 4, 4],
          [1, 4, 4, 4],
          [1, 2, 2, 6],
        ],
        /3 inputs given; expected 1, for which/,
      ],
    ],
  },
  'reversibleColumn behind another': {
    make: () => layers.reversibleColumn({ channels: [4, 6], depths: [1, 1] }),
    built: [
      [null, null, 4],
      [null, null, 4],
      [null, null, 6],
    ],
    good: [
      [
        [1, 4, 4, 4],
        [1, 4, 4, 4],
        [1, 2, 2, 6],
      ],
    ],
    bad: [
      [
        [
          [1, 1, 1, 4],
          [1, 1, 1, 4],
          [1, 1, 1, 6],
        ],
        /no pixel at the top; give at least 2 x 2/,
      ],
      [
        [
          [1, 4, 4, 4],
          [1, 4, 4, 4],
          [1, 2, 2, 5],
        ],
        /expected \[batch, height, width, 6\]/,
      ],
      [
        [
          [1, 4, 4, 4],
          [1, 4, 4, 4],
          [1, 3, 2, 6],
        ],
        /level 1 of the previous column is/,
      ],
      [[[1, 4, 4, 4]], /1 inputs given; expected 3, for which/],
    ],
  },
  levelFusion: {
    make: () => layers.levelFusion({ level: 1, filters: 6 }),
    built: [
      [null, null, 4],
      [null, null, 8],
    ],
    good: [
      [
        [1, 2, 3, 4],
        [1, 1, 1, 8],
      ],
    ],
    bad: [
      [
        [
          [1, 1, 2, 4],
          [1, 1, 1, 8],
        ],
        /leaves no pixel at level 1; give at least 2 x 2/,
      ],
      [
        [
          [1, 4, 4, 5],
          [1, 2, 2, 8],
        ],
        /expected \[batch, height, width, 4\]/,
      ],
      [
        [
          [1, 4, 4, 4],
          [1, 2, 2, 7],
        ],
        /expected \[batch, height, width, 8\]/,
      ],
      [
        [
          [2, 4, 4, 4],
          [1, 2, 2, 8],
        ],
        /expected equal batches/,
      ],
      [
        [
          [1, 4, 4, 4],
          [1, 0, 2, 8],
        ],
        /has no pixel/,
      ],
      [
        [
          [4, 4, 4],
          [2, 2, 8],
        ],
        EXPAND,
      ],
      [[[1, 4, 4, 4]], /1 inputs given; expected 2/],
    ],
  },
  convNextBlock: {
    make: () => layers.convNextBlock(),
    built: [[null, null, 4]],
    good: [[[1, 1, 1, 4]]],
    bad: [
      [[[1, 4, 4, 5]], /expected \[batch, height, width, 4\]/],
      [[[4, 4, 4]], EXPAND],
      [[[1, 0, 4, 4]], /no pixel/],
      [
        [
          [1, 4, 4, 4],
          [1, 4, 4, 4],
        ],
        /2 inputs given; expected one tensor/,
      ],
    ],
  },
  revColStem: {
    make: () => layers.revColStem({ filters: 4 }),
    built: [OPEN],
    good: [[[1, 4, 7, 3]]],
    bad: [
      [[[1, 3, 9, 3]], /holds no patch; give at least 4 x 4/],
      [[[1, 8, 8, 1]], /expected \[batch, height, width, 3\]/],
      [[[8, 8, 3]], EXPAND],
    ],
  },
  'revColStem over sequences': {
    make: () => layers.revColStem({ filters: 4 }),
    built: [[null, 3]],
    good: [[[1, 1, 3]]],
    bad: [
      [[[1, 8, 8, 3]], /expected \[batch, time, 3\]/],
      [[[1, 8, 4]], /expected \[batch, time, 3\]/],
    ],
  },
  revColHead: {
    make: () => layers.revColHead({ units: 2 }),
    built: [[null, null, 4]],
    good: [[[1, 1, 1, 4]]],
    bad: [
      [[[1, 2, 2, 5]], /expected \[batch, height, width, 4\]/],
      [[[2, 2, 4]], EXPAND],
      [[[1, 0, 2, 4]], /has no pixel/],
    ],
  },
  revColImageDecoder: {
    make: () => layers.revColImageDecoder({ channels: [4, 6], patchSize: 1 }),
    built: [[null, null, 6]],
    good: [[[1, 1, 1, 6]]],
    bad: [
      [[[1, 1, 1, 4]], /expected \[batch, height, width, 6\]/],
      [[[1, 1, 6]], EXPAND],
    ],
  },
  multiHeadAttention: {
    make: () => layers.multiHeadAttention({ numHeads: 2, keyDim: 2 }),
    built: [
      [null, 4],
      [null, 6],
    ],
    good: [
      [
        [1, 2, 4],
        [1, 3, 6],
      ],
    ],
    bad: [
      [
        [
          [1, 2, 5],
          [1, 3, 6],
        ],
        /expected \[batch, time, 4\]/,
      ],
      [
        [
          [1, 2, 4],
          [1, 3, 5],
        ],
        /expected \[batch, time, 6\]/,
      ],
      [[[1, 2, 4]], /expected \[batch, time, 6\]/],
      [
        [
          [2, 4],
          [3, 6],
        ],
        EXPAND,
      ],
    ],
  },
  transformerEncoderBlock: {
    make: block,
    built: [[null, 4]],
    good: [[[1, 2, 4]]],
    bad: [
      [[[1, 2, 6]], /expected \[batch, time, 4\]/],
      [[[2, 4]], EXPAND],
    ],
  },
  transformerDecoderBlock: {
    make: decoderBlock,
    built: [
      [null, 4],
      [null, 6],
    ],
    good: [
      [
        [1, 2, 4],
        [1, 3, 6],
      ],
    ],
    bad: [
      [
        [
          [1, 2, 4],
          [1, 3, 5],
        ],
        /expected \[batch, s, 6\]|expected \[batch, time, 6\]/,
      ],
      [[[1, 2, 4]], /built with cross-attention/],
      [
        [
          [2, 4],
          [1, 3, 6],
        ],
        EXPAND,
      ],
    ],
  },
  tokenEmbedding: {
    make: embedding,
    built: [[null]],
    good: [[[1, 2]]],
    bad: [
      [[[2]], EXPAND],
      [[[1, 2, 3]], /expected \[batch, time\]/],
    ],
  },
  tokenHead: {
    make: () => layers.tokenHead({ units: 3 }),
    built: [[null, 4]],
    good: [[[1, 2, 4]]],
    bad: [
      [[[1, 2, 5]], /expected \[batch, time, 4\]/],
      [[[2, 4]], EXPAND],
    ],
  },
  learnedPositions: {
    make: () => layers.learnedPositions({ sequenceLength: 5 }),
    built: [[null, 4]],
    good: [[[1, 5, 4]]],
    bad: [
      [[[1, 2, 5]], /expected \[batch, time, 4\]/],
      [[[2, 4]], EXPAND],
      [[[1, 6, 4]], /sequenceLength is 5/],
    ],
  },
  sinusoidalPositions: {
    make: () => layers.sinusoidalPositions(),
    built: [[null, 4]],
    good: [[[1, 5, 4]]],
    bad: [
      [[[1, 2, 5]], /expected \[batch, time, 4\]/],
      [[[2, 4]], EXPAND],
    ],
  },
  patchEmbedding: {
    make: () => layers.patchEmbedding({ filters: 4, patchSize: 2 }),
    built: [[4, 4, 3]],
    good: [[[1, 4, 4, 3]]],
    bad: [
      [[[1, 4, 4, 4]], /expected \[batch, height, width, 3\]/],
      [[[1, 1, 4, 3]], /at least 2, the patchSize/],
      [[[1, 8, 4, 3]], /holds 8 patches, but .* of 4/],
      [[[4, 4, 3]], EXPAND],
    ],
  },
  paddingMask: {
    make: () => layers.paddingMask(),
    built: [[null]],
    good: [[[1, 3]]],
    bad: [
      [
        [
          [1, 3],
          [1, 3],
        ],
        /2 inputs given; expected one tensor/,
      ],
    ],
  },
  revColLanguageModel: {
    make: () =>
      layers.revColLanguageModel({
        backbone: layers.revColBackbone({
          ...tokens,
          block: layers.transformerEncoderBlock({ numHeads: 2, useCausalMask: true }),
        }),
      }),
    built: [[null]],
    good: [[[1, 3]]],
    bad: [
      [[[3]], EXPAND],
      [[[1, 3, 4]], /expected \[batch, time\]/],
    ],
  },
  translationDecoder: {
    make: () =>
      layers.translationDecoder({ embedding: embedding(), block: decoderBlock(), depth: 1 }),
    built: [[null], [null, 4], [null]],
    good: [
      [
        [1, 3],
        [1, 2, 4],
        [1, 2],
      ],
    ],
    bad: [
      [
        [
          [1, 3],
          [1, 2, 5],
          [1, 2],
        ],
        /expected \[batch, s, 4\]|expected \[batch, time, 4\]/,
      ],
      [
        [
          [1, 3],
          [1, 2, 4],
        ],
        /2 inputs given; expected \[ids, memory, memoryMask\]/,
      ],
      [[[3], [1, 2, 4], [1, 2]], EXPAND],
    ],
  },
  uperHead: {
    make: () => layers.uperHead({ units: 3, filters: 4 }),
    built: [
      [null, null, 4],
      [null, null, 6],
    ],
    good: [
      [
        [1, 4, 4, 4],
        [1, 2, 2, 6],
      ],
    ],
    bad: [
      [
        [
          [4, 4, 4],
          [1, 2, 2, 6],
        ],
        EXPAND,
      ],
      [
        [
          [1, 4, 4, 5],
          [1, 2, 2, 6],
        ],
        /\[1, 4, 4, 5\]; expected \[batch, height, width, 4\]/,
      ],
      [[[1, 4, 4, 4]], /1 inputs given; expected 2, for which/],
    ],
  },
  fcnHead: {
    make: () => layers.fcnHead({ units: 3, filters: 4 }),
    built: [[null, null, 4]],
    good: [[[1, 4, 4, 4]], [[2, 1, 3, 4]]],
    bad: [
      [[[1, 4, 4, 5]], /\[1, 4, 4, 5\]; expected \[batch, height, width, 4\]/],
      [[[4, 4, 4]], EXPAND],
      [
        [
          [1, 4, 4, 4],
          [1, 2, 2, 6],
        ],
        /2 inputs given; expected one level of a pyramid/,
      ],
    ],
  },
  fpn: {
    make: () => layers.fpn({ filters: 3, outputs: 3 }),
    built: [
      [null, null, 4],
      [null, null, 6],
    ],
    good: [
      [
        [1, 4, 5, 4],
        [1, 2, 3, 6],
      ],
    ],
    bad: [
      [
        [
          [1, 4, 4, 5],
          [1, 2, 2, 6],
        ],
        /\[1, 4, 4, 5\]; expected \[batch, height, width, 4\]/,
      ],
      [[[1, 4, 4, 4]], /1 inputs given; expected 2, for which/],
    ],
  },
  rpnHead: {
    make: () => layers.rpnHead({ strides: [2, 4] }),
    built: [
      [null, null, 4],
      [null, null, 4],
    ],
    good: [
      [
        [1, 4, 5, 4],
        [1, 2, 3, 4],
      ],
    ],
    bad: [
      [
        [
          [1, 4, 4, 4],
          [1, 2, 2, 6],
        ],
        /\[1, 2, 2, 6\]; expected \[batch, height, width, 4\]/,
      ],
      [[[1, 4, 4, 4]], /1 inputs given; expected 2, for which/],
    ],
  },
  boxHead: {
    make: () => layers.boxHead({ units: 2, convs: 1, hidden: 3 }),
    built: [[3, 3, 4]],
    good: [[[2, 3, 3, 4]]],
    bad: [
      [[[2, 3, 3, 5]], /\[2, 3, 3, 5\]; expected \[batch, height, width, 4\]/],
      [[[2, 3, 2, 4]], /\[2, 3, 2, 4\]; expected 3 x 3 bins/],
      [[[3, 3, 4]], EXPAND],
    ],
  },
  maskHead: {
    make: () => layers.maskHead({ units: 2, convs: 1 }),
    built: [[3, 3, 4]],
    good: [[[2, 3, 3, 4]], [[1, 2, 5, 4]]],
    bad: [
      [[[2, 3, 3, 5]], /\[2, 3, 3, 5\]; expected \[batch, height, width, 4\]/],
      [[[3, 3, 4]], EXPAND],
    ],
  },
  cascadeHead: {
    make: () => layers.cascadeHead({ units: 2, convs: 1, hidden: 3 }),
    built: [
      [3, 3, 4],
      [4, 4, 4],
    ],
    good: [
      [
        [3, 3, 3, 4],
        [2, 4, 4, 4],
      ],
    ],
    bad: [
      [
        [
          [2, 3, 3, 4],
          [2, 4, 4, 5],
        ],
        /\[2, 4, 4, 5\]; expected \[batch, height, width, 4\]/,
      ],
      [[[2, 3, 3, 4]], /1 inputs given; expected features of regions/],
    ],
  },
};

test('every layer is here', () => {
  const names = Object.keys(CASES).map((name) => name.split(' ')[0]);
  expect([...new Set(names)].sort()).toEqual(Object.keys(layers).sort());
});

/** One or all, as layers and models take them. */
function oneOrAll<T>(list: readonly T[]): T | T[] {
  return list.length === 1 ? (list[0] as T) : [...list];
}

function inputsOf(shapes: readonly Shape[], layer: tf.layers.Layer): tf.SymbolicTensor[] {
  const ids = /token|paddingMask|languageModel|translation/i.test(layer.getClassName());
  return shapes.map((shape) => tf.input({ shape, dtype: ids ? 'int32' : 'float32' }));
}

/** What `action` throws, with the shapes of `shapes` that it names. */
function messageOf(action: () => unknown): string {
  try {
    tf.tidy(() => action() as tf.Tensor);
  } catch (error) {
    return (error as Error).message;
  }
  return 'nothing';
}

describe.each(Object.entries(CASES))('%s', (_, { make, built, good, bad }) => {
  beforeAll(() => useBackend(BACKENDS[0] as string));

  const zeros = (shapes: readonly number[][]) => oneOrAll(shapes.map((s) => tf.zeros(s)));
  const symbols = (shapes: readonly number[][]) =>
    oneOrAll(shapes.map((s) => tf.input({ batchShape: s })));

  test('says what it takes', () => {
    const layer = make();
    for (const spec of layer.inputSpec ?? []) expect(spec.ndim ?? spec.minNDim).toBeGreaterThan(0);
    layer.apply(oneOrAll(inputsOf(built, layer)));
    built.forEach((shape, i) => {
      const { ndim, minNDim, axes } = layer.inputSpec[i] as tf.InputSpec;
      expect(ndim ?? minNDim).toBe(minNDim ?? shape.length + 1);
      const last = shape[shape.length - 1];
      const isSized = last != null && shape.length > 1 && !/Backbone/.test(layer.getClassName());
      if (isSized) expect(axes).toEqual({ [-1]: last });
    });
    for (const weight of layer.weights) weight.dispose();
  });

  test('takes what it was built for', async () => {
    await expectNoLeak(() => {
      const layer = make();
      layer.apply(oneOrAll(inputsOf(built, layer)));
      for (const shapes of good) {
        tf.tidy(() => void layer.apply(zeros(shapes)));
        layer.apply(symbols(shapes));
      }
      for (const weight of layer.weights) weight.dispose();
    });
  });

  test.each(bad)(
    'refuses %j, eager and symbolic, alone, wrapped and in models',
    async (shapes, says) => {
      await expectNoLeak(() => {
        const layer = make();
        const inputs = inputsOf(built, layer);
        const outputs = layer.apply(oneOrAll(inputs)) as tf.SymbolicTensor;
        expect(messageOf(() => layer.apply(zeros(shapes)))).toMatch(says);
        expect(messageOf(() => layer.call(zeros(shapes), {}))).toMatch(says);
        expect(messageOf(() => layer.apply(symbols(shapes)))).toMatch(says);
        const model = tf.model({ inputs, outputs });
        // Models look at numbers of inputs and at ranks themselves when they predict, not when applied.
        if (shapes.length === built.length) {
          expect(messageOf(() => model.apply(zeros(shapes)))).toMatch(says);
          // There a list of numbers counts as a batch of one each.
          const isBatch = shapes.some((shape) => shape.length === 1);
          const predict = () => model.predict(zeros(shapes));
          expect(isBatch ? 'refused' : messageOf(predict)).not.toMatch(
            /^nothing|Cannot|GatherV2|divide by zero|must match the product|inner shapes/,
          );
        }
        model.dispose();
      });
    },
  );
});

describeBackends('images too small for a model of any size', () => {
  const METHODS = ['predict', 'fit', 'evaluate', 'trainOnBatch', 'predictOnBatch'] as const;

  /** Number of tensors left by a call that fails at a layer behind another. */
  async function leftBy(method: (typeof METHODS)[number], layer: tf.layers.Layer): Promise<number> {
    const model = tf.sequential({
      layers: [
        tf.layers.conv2d({ inputShape: OPEN, filters: 3, kernelSize: 1, activation: 'relu' }),
        layer,
        layers.revColHead({ units: 2 }),
      ],
    });
    model.compile({ optimizer: 'sgd', loss: 'meanSquaredError' });
    const [x, y] = [tf.ones([2, 3, 3, 3]), tf.ones([2, 2])];
    const before = tf.memory().numTensors;
    const run = {
      predict: () => model.predict(x),
      predictOnBatch: () => model.predictOnBatch(x),
      fit: () => model.fit(x, y, { verbose: 0 }),
      evaluate: () => model.evaluate(x, y),
      trainOnBatch: () => model.trainOnBatch(x, y),
    }[method];
    await expect((async () => run())()).rejects.toThrow(
      'leaves no pixel at the top; give at least 4 x 4',
    );
    const left = tf.memory().numTensors - before;
    tf.dispose([x, y]);
    model.dispose();
    return left;
  }

  test.each(METHODS)('%s says so and leaves no tensor of its own', async (method) => {
    // tfjs itself leaves the numbers of the samples when a call of fit fails.
    const left = await leftBy(method, layers.revColBackbone(SMALL));
    expect(left).toBe(method === 'fit' ? 1 : 0);
  });

  test('also in a wrapper that calls its layer without applying it', async () => {
    await expectNoLeak(() => {
      const layer = layers.revColBackbone(SMALL);
      const frames = tf.layers.timeDistributed({ layer, inputShape: [null, ...OPEN] });
      frames.apply(tf.input({ shape: [null, ...OPEN] }));
      expect(messageOf(() => frames.apply(tf.zeros([1, 2, 3, 3, 3])))).toMatch(/at least 4 x 4/);
      frames.dispose();
    });
  });
});

test('what is no tensor is refused, before a layer is built and after', () => {
  for (const built of [false, true]) {
    const layer = layers.revColHead({ units: 2 });
    if (built) layer.build([null, 4]);
    for (const x of [undefined, null, [1, 2], 'image']) {
      expect(() => layer.apply(x as unknown as tf.Tensor)).toThrow(
        /RevColHead: .* expected tensors/,
      );
    }
    for (const weight of layer.weights) weight.dispose();
  }
});

test('an image without a batch axis is told apart when a backbone is applied for the first time', () => {
  expect(() => layers.revColBackbone(SMALL).apply(tf.zeros([8, 8, 3]))).toThrow(EXPAND);
});
