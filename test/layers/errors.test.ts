/** Bad input is refused with a message that says what to do, and changes nothing. */
import * as tf from '@tensorflow/tfjs';

import {
  createModel,
  createVitModel,
  layers,
  RevColBackbone,
  type RevColBackboneArgs,
} from 'tfjs-revcol';
import { BACKENDS, expectNoLeak, useBackend } from '../support/backends';
import { normalTensor, randomizeWeights } from '../support/training_step';
import { OwnBlock } from './own_layers';

beforeAll(() => useBackend(BACKENDS[0] as string));

const SMALL: RevColBackboneArgs = { columns: 2, channels: [4, 6], depths: [1, 1], patchSize: 1 };
const IMAGE = [4, 4, 3];

/** Gives a scalar per sample, whatever the input. */
class Scalar extends tf.layers.Layer {
  static className = 'ScalarOfTests';
  override computeOutputShape(inputShape: tf.Shape): tf.Shape {
    return [inputShape[0] as null, 1];
  }
}
/** A fusion that says that it reads three tensors. */
class GreedyFusion extends tf.layers.Layer {
  static className = 'GreedyFusionOfTests';
  constructor(args = {}) {
    super(args);
    this.inputSpec = [{ ndim: 4 }, { ndim: 4 }, { ndim: 4 }];
  }
}
/** Known to nobody. */
class Unregistered extends tf.layers.Layer {
  static className = 'UnregisteredOfTests';
}
/** Adds a weight, then fails. */
class Failing extends tf.layers.Layer {
  static className = 'FailingOfTests';
  override build(): void {
    this.addWeight('w', [3], 'float32', tf.initializers.ones());
    throw new Error('this layer never builds');
  }
}
/** Says that it keeps the shape, and does not. */
class Liar extends tf.layers.Layer {
  static className = 'LiarOfTests';
  override call(inputs: tf.Tensor | tf.Tensor[]): tf.Tensor {
    const x = (Array.isArray(inputs) ? inputs[0] : inputs) as tf.Tensor;
    return tf.concat([x, x], -1);
  }
}
for (const cls of [Scalar, GreedyFusion, Failing, Liar]) {
  tf.serialization.registerClass(cls, 'tfjs-revcol-tests');
}

const apply = (args: RevColBackboneArgs, shape: (number | null)[]) => () =>
  layers.revColBackbone({ ...SMALL, ...args }).apply(tf.input({ shape }));
const applyTo = (args: RevColBackboneArgs, shape: number[]) => () =>
  tf.tidy(() => void layers.revColBackbone({ ...SMALL, ...args }).apply(tf.zeros(shape)));
/** Runs `fn` with residual models of width 4. */
function withModels(count: number, fn: (models: tf.LayersModel[]) => unknown): () => void {
  return () => {
    const models = Array.from({ length: count }, residual);
    try {
      fn(models);
    } finally {
      for (const model of models) model.dispose();
    }
  };
}
function residual(): tf.LayersModel {
  const x = tf.input({ shape: [null, null, 4] });
  const y = tf.layers.dense({ units: 4 }).apply(x) as tf.SymbolicTensor;
  return tf.model({ inputs: x, outputs: tf.layers.add().apply([x, y]) as tf.SymbolicTensor });
}
const construct = (args: object) => () =>
  layers.revColBackbone({ ...SMALL, ...args } as RevColBackboneArgs);

const PER_LEVEL = (role: string) =>
  `Where levels differ in shape, give one template per level: ${role}: [level 0, level 1, ...]`;

/** What is done wrong, and the whole message. */
const CASES: Record<string, [action: () => unknown, message: string | RegExp]> = {
  'an image too small': [
    apply({ channels: [4, 4, 4, 4], depths: [1, 1, 1, 1], patchSize: 4 }, [30, 30, 3]),
    'RevColBackbone: inputShape [30, 30, 3] with patchSize 4 and 4 levels leaves no pixel at the ' +
      'top; give at least 32 x 32, or patchSize 3',
  ],
  'an image too small at any patch size': [
    apply({ channels: [4, 4, 4], depths: [1, 1, 1], patchSize: 4 }, [3, 9, 3]),
    'RevColBackbone: inputShape [3, 9, 3] with patchSize 4 and 3 levels leaves no pixel at the ' +
      'top; give at least 16 x 16',
  ],
  'an image too small for levels of one size': [
    apply({ isotropic: true, patchSize: 8 }, [6, 9, 3]),
    'RevColBackbone: inputShape [6, 9, 3] with patchSize 8 and 2 levels leaves no pixel at the ' +
      'top; give at least 8 x 8, or patchSize 6',
  ],
  'an image too small where sizes are open': [
    applyTo({ patchSize: 4 }, [1, 3, 3, 3]),
    'RevColBackbone: an image of 3 x 3 with patchSize 4 and 2 levels leaves no pixel at the top; ' +
      'give at least 8 x 8, or patchSize 1',
  ],
  'an image with its channels first': [
    apply({ patchSize: 2 }, [3, 64, 48]),
    'RevColBackbone: inputShape [3, 64, 48] with patchSize 2 and 2 levels leaves no pixel at the ' +
      'top; give at least 4 x 4, or patchSize 1. If [3, 64, 48] has its channels first, put them ' +
      'last, [64, 48, 3]',
  ],
  'a tensor with its channels first': [
    applyTo({ patchSize: 4 }, [1, 1, 28, 28]),
    'RevColBackbone: an image of 1 x 28 with patchSize 4 and 2 levels leaves no pixel at the top; ' +
      'give at least 8 x 8. If [1, 28, 28] has its channels first, put them last, [28, 28, 1], ' +
      'with tf.transpose(x, [0, 2, 3, 1])',
  ],
  'an input shape with a batch axis': [
    apply({}, [null, 64, 64, 3]),
    'RevColBackbone: inputShape [null, 64, 64, 3] is not an image [height, width, channels], which ' +
      "the built-in block needs; give a 'block' that keeps the shape of such inputs, or leave the " +
      'batch axis out: [64, 64, 3]',
  ],
  'a number in quotes': [
    construct({ columns: '4' }),
    'RevColBackbone: columns is "4"; expected an integer of at least 1',
  ],
  'a rate in quotes': [
    construct({ dropPathRate: '0.5' }),
    'RevColBackbone: dropPathRate is "0.5"; expected a number in [0, 1)',
  ],
  'a spacing in quotes': [
    construct({ anchorEvery: '2' }),
    `RevColBackbone: anchorEvery is "2"; expected an integer of at least 1, Infinity or 'auto'`,
  ],
  'a class in place of a block': [
    construct({ block: OwnBlock }),
    'RevColBackbone: block is a function OwnBlock; expected a layer, new OwnBlock(...)',
  ],
  'a class of the package in place of a block': [
    construct({ block: RevColBackbone }),
    'RevColBackbone: block is a function RevColBackbone; expected a layer, new RevColBackbone(...)',
  ],
  'a class in place of a stem': [
    construct({ stem: RevColBackbone }),
    'RevColBackbone: stem is a function RevColBackbone; expected a layer, new RevColBackbone(...)',
  ],
  'a function that makes fusions': [
    construct({ fusion: tf.layers.add }),
    /^RevColBackbone: fusion is a function.*; expected a layer, which .*\(\.\.\.\) may give$/,
  ],
  'a class name without a configuration': [
    construct({ block: { className: 'Dense' } }),
    'RevColBackbone: block is {"className":"Dense"}; expected a layer',
  ],
  'a template that is undefined': [
    construct({ block: [new OwnBlock(), undefined] }),
    'RevColBackbone: block[1] is undefined; expected a layer',
  ],
  'a template that is left out': [
    construct({ fusion: Object.assign(new Array<unknown>(2), { 1: new OwnBlock() }) }),
    'RevColBackbone: fusion[0] is undefined; expected a layer',
  ],
  'a class among the templates': [
    construct({ block: [new OwnBlock(), OwnBlock] }),
    'RevColBackbone: block[1] is a function OwnBlock; expected a layer, new OwnBlock(...)',
  ],
  'a model for one width as the block of two': [
    withModels(1, ([block]) => apply({ block }, IMAGE)()),
    'ReversibleColumn: block Model at level_1/block_0 is a model for [[null, null, null, 4]], ' +
      'but is given [[null, 2, 2, 6]]. ' +
      PER_LEVEL('block'),
  ],
  'a model for another width in a list': [
    withModels(2, (block) => apply({ block }, IMAGE)()),
    'ReversibleColumn: block Model at level_1/block_0 is a model for [[null, null, null, 4]], ' +
      'but is given [[null, 2, 2, 6]]. Give this level a template for its shape',
  ],
  'a sum of operands of unequal shape': [
    apply({ fusion: tf.layers.add() }, IMAGE),
    /^ReversibleColumn: fusion Add at level_0\/fusion does not take \[\[null, 4, 4, 4\], \[null, 2, 2, 6\]\]: .+\. Where levels differ in shape, give one template per level: fusion: /,
  ],
  'an image too small at the smallest patch size': [
    apply({}, [1, 9, 3]),
    'RevColBackbone: inputShape [1, 9, 3] with patchSize 1 and 2 levels leaves no pixel at the ' +
      'top; give at least 2 x 2',
  ],
  'an input of the wrong rank': [
    apply({}, [16, 3]),
    'RevColBackbone: inputShape [16, 3] is not an image [height, width, channels], which the ' +
      "built-in block needs; give a 'block' that keeps the shape of such inputs",
  ],
  'a video': [
    apply({}, [4, 4, 4, 3]),
    'RevColBackbone: inputShape [4, 4, 4, 3] is not an image [height, width, channels], which the ' +
      "built-in block needs; give a 'block' that keeps the shape of such inputs",
  ],
  'an unknown number of channels': [
    apply({}, [4, 4, null]),
    'RevColStem: input shape [null, 4, 4, null]; expected [batch, ..., channels] with known channels',
  ],
  'two inputs': [
    () =>
      layers.revColBackbone(SMALL).apply([tf.input({ shape: IMAGE }), tf.input({ shape: [1] })]),
    'RevColBackbone: 2 inputs given; expected one tensor. For the columns alone use ReversibleColumn',
  ],
  'channels and depths of unequal length': [
    construct({ depths: [1, 1, 1] }),
    'RevColBackbone: channels has 2 levels and depths 3; give both one number per level',
  ],
  'one level': [
    construct({ channels: [4], depths: [1] }),
    'RevColBackbone: 1 level given; a column needs at least 2',
  ],
  'channels that are no list': [
    construct({ channels: 64 }),
    'RevColBackbone: channels and depths must be arrays with one number per level',
  ],
  'a channel count of 0': [
    construct({ channels: [4, 0] }),
    'RevColBackbone: channels[1] is 0; expected an integer of at least 1',
  ],
  'a negative depth': [
    construct({ depths: [1, -1] }),
    'RevColBackbone: depths[1] is -1; expected an integer of at least 0',
  ],
  'no columns': [
    construct({ columns: 0 }),
    'RevColBackbone: columns is 0; expected an integer of at least 1',
  ],
  'half a column': [
    construct({ columns: 2.5 }),
    'RevColBackbone: columns is 2.5; expected an integer of at least 1',
  ],
  'a kernel of size 0': [
    construct({ kernelSize: 0 }),
    'RevColBackbone: kernelSize is 0; expected an integer of at least 1',
  ],
  'a patch of size NaN': [
    construct({ patchSize: NaN }),
    'RevColBackbone: patchSize is NaN; expected an integer of at least 1',
  ],
  'a drop path rate of 1': [
    construct({ dropPathRate: 1 }),
    'RevColBackbone: dropPathRate is 1; expected a number in [0, 1)',
  ],
  'a drop path rate below 0': [
    construct({ dropPathRate: -0.1 }),
    'RevColBackbone: dropPathRate is -0.1; expected a number in [0, 1)',
  ],
  'an unknown mode': [
    construct({ backprop: 'reverse' }),
    `RevColBackbone: backprop is "reverse"; expected one of 'reversible', 'stored'`,
  ],
  'an unknown output': [
    construct({ output: 'all' }),
    `RevColBackbone: output is "all"; expected one of 'last', 'pyramid', 'columns'`,
  ],
  'a column number that does not exist': [
    construct({ output: [0, 2] }),
    'RevColBackbone: output is [0,2]; expected ascending column numbers from 0 to 1, or one of ' +
      "'last', 'pyramid', 'columns'",
  ],
  'an anchor spacing of 0': [
    construct({ anchorEvery: 0 }),
    "RevColBackbone: anchorEvery is 0; expected an integer of at least 1, Infinity or 'auto'",
  ],
  'a template for each of three levels of two': [
    construct({ block: [new OwnBlock(), new OwnBlock(), new OwnBlock()] }),
    'RevColBackbone: block has 3 templates for 2 levels; give one for all, or one per level',
  ],
  'a block that changes the shape': [
    apply({ block: tf.layers.conv2d({ filters: 5, kernelSize: 3, padding: 'same' }) }, IMAGE),
    'ReversibleColumn: block Conv2D at level_0/block_0 turns [[null, 4, 4, 4]] into ' +
      '[null, 4, 4, 5]; expected [null, 4, 4, 4]. A block must give the shape of its level. ' +
      PER_LEVEL('block'),
  ],
  'a block that loses an axis': [
    apply({ block: new Scalar() }, IMAGE),
    'ReversibleColumn: block ScalarOfTests at level_0/block_0 turns [[null, 4, 4, 4]] into ' +
      '[null, 1]; expected [null, 4, 4, 4]. A block must give the shape of its level. ' +
      PER_LEVEL('block'),
  ],
  'a fusion that gives another shape': [
    apply({ fusion: tf.layers.concatenate({ axis: 3 }), channels: [4, 4], isotropic: true }, IMAGE),
    'ReversibleColumn: fusion Concatenate at level_0/fusion turns ' +
      '[[null, 4, 4, 4], [null, 4, 4, 4]] into [null, 4, 4, 8]; expected [null, 4, 4, 4]. ' +
      'A fusion must give the shape of its level. ' +
      PER_LEVEL('fusion'),
  ],
  'a fusion that reads what the walk cannot know': [
    apply({ fusion: new GreedyFusion() }, IMAGE),
    'ReversibleColumn: fusion GreedyFusionOfTests at level_0/fusion declares 3 inputs, but the walk ' +
      'back knows 2 there: lower, of this column, and upper, of the previous one. The previous ' +
      "column's own level is what it recovers, so a fusion cannot read it; write one that takes " +
      '[lower, upper]',
  ],
  'a class that is not registered': [
    apply({ block: new Unregistered({}) }, IMAGE),
    "ReversibleColumn: the class 'UnregisteredOfTests' of a template is not registered; call " +
      'tf.serialization.registerClass(UnregisteredOfTests) once before building or loading the model',
  ],
  'a nested model without an input': [
    apply({ block: tf.sequential({ name: 'shapeless' }) }, IMAGE),
    'shapeless: a model without an input cannot be a template; give its first layer an inputShape',
  ],
  'a block that fails to build': [
    apply({ block: new Failing({}) }, IMAGE),
    'this layer never builds',
  ],
  'a stem of the wrong width': [
    apply({ stem: tf.layers.dense({ units: 5 }) }, IMAGE),
    'RevColBackbone: level 0 takes [null, 4, 4, 5] and channels[0] is 4; expected [batch, ..., 4]',
  ],
  'frozen that is no list': [
    () => layers.revColBackbone({ frozen: 'stem' as unknown as string[] }),
    `RevColBackbone: frozen is "stem"; expected a list of paths, such as ['stem', 'column-0']`,
  ],
  'a frozen part that does not exist': [
    apply({ frozen: ['stem', 'column_5'] }, IMAGE),
    "RevColBackbone: frozen names 'column_5', which is not a part of it; parts are 'stem', " +
      "'column-0', 'column-1', and what is below them",
  ],
  'a column with too few inputs': [
    () =>
      layers
        .reversibleColumn({ channels: [4, 6], depths: [1, 1] })
        .apply([tf.input({ shape: [4, 4, 4] }), tf.input({ shape: [4, 4, 4] })]),
    "ReversibleColumn: 2 inputs given; expected the stem's output alone (first column), or it and " +
      "the previous column's 2 levels",
  ],
  'a column with a level of another size': [
    () =>
      layers
        .reversibleColumn({ channels: [4, 6], depths: [1, 1] })
        .apply([4, 4, 4].map((s) => tf.input({ shape: [s, s, 4] }))),
    'ReversibleColumn: level 1 of the previous column is [null, 4, 4, 4]; expected [null, 2, 2, 6]',
  ],
  'the inverse of a first column': [
    () => {
      const column = layers.reversibleColumn({ name: 'first', channels: [4, 6], depths: [0, 0] });
      column.apply(tf.input({ shape: [4, 4, 4] }));
      try {
        return column.inverse([]);
      } finally {
        column.dispose();
      }
    },
    'ReversibleColumn: first has no previous column to recover; call inverse on a column that was ' +
      'applied to [stem, ...previous levels]',
  ],
  'a fusion of operands of unequal rank': [
    () =>
      layers
        .levelFusion({ filters: 4 })
        .apply([tf.input({ shape: IMAGE }), tf.input({ shape: [4] })]),
    'LevelFusion: operand shapes [[null, 4, 4, 3], [null, 4]]; expected equal ranks and known channels',
  ],
  'a fusion that would have to widen level 0': [
    () => layers.levelFusion({ filters: 4 }).apply(tf.input({ shape: IMAGE })),
    'LevelFusion: at level 0 the lower operand passes unchanged, but has 3 channels and filters is ' +
      '4; give it 4 channels, or level 1 or more',
  ],
  'a LayerNorm alone between levels of two widths': [
    construct({ fusion: 'norm', isotropic: true }),
    "RevColBackbone: fusion is 'norm', a LayerNorm alone, but level 1 has 6 channels and level 0 has 4; " +
      'give channels of one width, or leave fusion out',
  ],
  'a LayerNorm alone between levels of a pyramid': [
    apply({ fusion: 'norm', channels: [4, 4] }, IMAGE),
    "RevColBackbone: fusion is 'norm', a LayerNorm alone, but level 1 is half as high and wide as level " +
      '0, [null, 4, 4, 4], which takes a convolution; give isotropic: true, or leave fusion out',
  ],
  'a column of LayerNorms alone between levels of a pyramid': [
    () =>
      layers
        .reversibleColumn({ channels: [4, 4], depths: [1, 1], fusion: 'norm' })
        .apply(tf.input({ shape: [4, 4, 4] })),
    "ReversibleColumn: fusion is 'norm', a LayerNorm alone, but level 1 is half as high and wide as level " +
      '0, [null, 4, 4, 4], which takes a convolution; give isotropic: true, or leave fusion out',
  ],
  'a fusion by a word that there is not': [
    construct({ fusion: 'normal' as 'norm' }),
    `RevColBackbone: fusion is "normal"; expected one of 'linear', 'norm'`,
  ],
  'a fusion of LayerNorms alone that would have to change a width': [
    () =>
      layers
        .levelFusion({ level: 1, filters: 4, paths: 'norm' })
        .apply([4, 6].map((width) => tf.input({ shape: [3, width] }))),
    "LevelFusion: paths is 'norm', a LayerNorm alone, but the upper operand of level 1 has 6 channels and " +
      "filters is 4; give all 4 channels, or paths: 'linear'",
  ],
  'a fusion of LayerNorms alone that would have to halve an image': [
    () => layers.levelFusion({ level: 1, paths: 'norm' }).apply(tf.input({ shape: IMAGE })),
    "LevelFusion: paths is 'norm', a LayerNorm alone, but level 1 is half as high and wide as the lower " +
      "operand [null, 4, 4, 3], which takes a convolution; give isotropic: true, or paths: 'linear'",
  ],
  'a block of even less than rank 4': [
    () => layers.convNextBlock().apply(tf.input({ shape: [5, 4] })),
    'ConvNextBlock: input shape [null, 5, 4]; expected [batch, height, width, channels] with known ' +
      'channels. For other inputs give the backbone a block of your own',
  ],
  'an unknown model': [
    () => createModel('revcol_bas.in22k_ft_in1k_224' as 'revcol_tiny'),
    "createModel: unknown model 'revcol_bas.in22k_ft_in1k_224'; nearest names: " +
      'revcol_base.in22k_ft_in1k_224, revcol_base.in22k_ft_in1k_384, ' +
      'revcol_large.in22k_ft_in1k_224; listModels() gives all of them',
  ],
  'supervision of a number of columns without quarters': [
    () => createModel('revcol_tiny', { columns: 6, intermediateSupervision: true }),
    'createModel: intermediateSupervision divides the columns into quarters, but columns is 6; ' +
      'give a multiple of 4',
  ],
  'no classes': [
    () => createModel('revcol_tiny', { numClasses: 0 }),
    'createModel: numClasses is 0; expected an integer of at least 1',
  ],
  'a model for images with a batch axis': [
    () => createModel('revcol_tiny', { inputShape: [null, 64, 64, 3] as never }),
    'createModel: inputShape is [null, 64, 64, 3]; expected [height, width, channels]; leave the ' +
      'batch axis out: [64, 64, 3]',
  ],
  'a model for images without channels': [
    () => createModel('revcol_vit_small', { inputShape: [64, 64] as never }),
    'createModel: inputShape is [64, 64]; expected [height, width, channels], in pixels',
  ],
  'a ViT for images with a batch axis': [
    () => createVitModel('revcol_vit_small', { inputShape: [1, 64, 64, 3] as never }),
    'createVitModel: inputShape is [1, 64, 64, 3]; expected [height, width, channels]; leave the ' +
      'batch axis out: [64, 64, 3]',
  ],
  'a model for images too small': [
    () => createModel('revcol_tiny', { inputShape: [16, 16, 3] }),
    'RevColBackbone: inputShape [16, 16, 3] with patchSize 4 and 4 levels leaves no pixel at the ' +
      'top; give at least 32 x 32, or patchSize 2',
  ],
};

test.each(Object.entries(CASES))('%s', async (_, [action, message]) => {
  await expectNoLeak(() => {
    let thrown: unknown;
    try {
      action();
    } catch (error) {
      thrown = error;
    }
    const got = (thrown as Error | undefined)?.message;
    if (typeof message === 'string') expect(got).toBe(message);
    else expect(got).toMatch(message);
  });
});

test('a layer whose build failed can still be applied to what it takes', async () => {
  await expectNoLeak(() =>
    tf.tidy(() => {
      const block = [5, 6].map((units) => tf.layers.dense({ units }));
      const backbone = layers.revColBackbone({ ...SMALL, channels: [5, 6], block, name: 'b' });
      backbone.stem.trainable = false;
      expect(() => backbone.apply(tf.input({ shape: [1, 1, 3] }))).toThrow('leaves no pixel');
      const odd = layers.revColBackbone({
        ...SMALL,
        channels: [5, 6],
        name: 'b',
        // Keeps the shape of even sizes only.
        block: [5, 6].map((filters) =>
          tf.layers.conv2dTranspose({ filters, kernelSize: 1, padding: 'same', strides: 1 }),
        ),
        stem: tf.layers.dense({ units: 5 }),
        fusion: tf.layers.add(),
      });
      // At level 0 `add` meets an upper operand of 6 channels.
      expect(() => odd.apply(tf.input({ shape: IMAGE }))).toThrow();
      expect(odd.weights).toEqual([]);
      const x = normalTensor([2, ...IMAGE], 1);
      const y = backbone.apply(x) as tf.Tensor;
      expect(y.shape).toEqual([2, 2, 2, 6]);
      expect(backbone.trainableWeights.some((w) => /stem/.test(w.originalName))).toBe(false);
      const names = backbone.weights.map((w) => w.originalName);
      expect(new Set(names).size).toBe(names.length);
      backbone.dispose();
    }),
  );
});

test('a build that fails after the stem was made starts afresh', async () => {
  await expectNoLeak(() =>
    tf.tidy(() => {
      // Level 0 of 4 channels: dense(4) keeps it for images, and for sequences as well.
      const backbone = layers.revColBackbone({
        ...SMALL,
        isotropic: true,
        block: tf.layers.conv1d({ filters: 4, kernelSize: 3, padding: 'same' }),
        channels: [4, 4],
        name: 'b',
      });
      backbone.stem.trainable = false;
      expect(() => backbone.apply(tf.input({ shape: IMAGE }))).toThrow();
      expect(backbone.weights).toEqual([]);
      const y = backbone.apply(normalTensor([2, 7, 3], 1)) as tf.Tensor;
      expect(y.shape).toEqual([2, 7, 4]);
      expect(y.dataSync().every(Number.isFinite)).toBe(true);
      expect(backbone.columnLayers).toHaveLength(2);
      const names = backbone.weights.map((w) => w.originalName);
      expect(new Set(names).size).toBe(names.length);
      expect(backbone.trainableWeights.some((w) => /stem/.test(w.originalName))).toBe(false);
      backbone.dispose();
    }),
  );
});

describe.each(['reversible', 'stored'] as const)('in mode %s', (backprop) => {
  /** Runs `action` on a built backbone; weights and tensors are as before. */
  async function unchanged(
    args: RevColBackboneArgs,
    action: (backbone: ReturnType<typeof layers.revColBackbone>, x: tf.Tensor) => void,
  ): Promise<void> {
    const backbone = layers.revColBackbone({ ...SMALL, ...args, backprop });
    backbone.apply(tf.input({ shape: IMAGE }));
    randomizeWeights(backbone.weights, 3);
    const x = normalTensor([2, ...IMAGE], 1);
    const values = () => backbone.getWeights().map((w) => Array.from(w.dataSync()));
    const before = values();
    await expectNoLeak(() => action(backbone, x));
    expect(values()).toEqual(before);
    x.dispose();
    backbone.dispose();
  }

  test('a block that lies about its shape', async () => {
    await unchanged({ block: new Liar({}) }, (backbone, x) => {
      const train = () => tf.grad((v) => backbone.apply(v, { training: true }) as tf.Tensor)(x);
      expect(train).toThrow(
        'LiarOfTests level_0/block_0 gives [2, 4, 4, 8]; expected [2, 4, 4, 4]. A block or fusion must give ' +
          'the shape of its level',
      );
    });
  });

  test('a block whose shape was unknown when it was built', async () => {
    const backbone = layers.revColBackbone({
      ...SMALL,
      backprop,
      block: [4, 6].map((filters) => tf.layers.conv2d({ filters, kernelSize: 3 })),
    });
    backbone.apply(tf.input({ shape: [null, null, 3] }));
    const x = normalTensor([1, 8, 8, 3], 1);
    await expectNoLeak(() => {
      expect(() => backbone.apply(x)).toThrow('gives [1, 6, 6, 4]; expected [1, 8, 8, 4]');
    });
    x.dispose();
    backbone.dispose();
  });

  // Where alphas are read later, so is the error: late_alphas.test.ts.
  const atOnce = ['webgl', 'webgpu'].includes(BACKENDS[0] as string) ? test.skip : test;
  atOnce('alphas that are NaN', async () => {
    const backbone = layers.revColBackbone({ ...SMALL, name: 'b', backprop });
    backbone.apply(tf.input({ shape: IMAGE }));
    const alpha = backbone.weights.find((w) => /column_1\/level_1\/alpha/.test(w.originalName));
    const x = normalTensor([2, ...IMAGE], 1);
    const nan = tf.fill([6], NaN);
    alpha?.write(nan);
    nan.dispose();
    await expectNoLeak(() => {
      expect(() => backbone.apply(x)).toThrow(/alpha.*column 1.*level 1.*NaN/is);
    });
    x.dispose();
    backbone.dispose();
  });
});
