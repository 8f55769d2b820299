import * as tf from '@tensorflow/tfjs';

import { layers, type RevColBackboneArgs, TransformerEncoderBlock } from 'tfjs-revcol';
import { tidyAll } from '../../../src/ops/engine/tensors';
import { AutodiffFunction } from '../../../src/ops/reversible/autodiff_function';
import { runColumns } from '../../../src/ops/reversible/backbone';
import type { Column } from '../../../src/ops/reversible/column';
import { type LevelFunction } from '../../../src/ops/reversible/level_function';
import { describeBackends, expectClose, expectNoLeak } from '../../support/backends';
import {
  expectSameStep,
  normalTensor,
  projectedLoss,
  randomizeWeights,
  type Step,
  takeStep,
} from '../../support/training_step';
import { backboneArgs, type BlockArgs, IDS, makeModel, VOCABULARY, WIDTH } from './small_network';

/** Differentiated by tfjs, since its `call` is not the one its function stands for. */
class RecordedBlock extends TransformerEncoderBlock {
  static override className = 'RecordedEncoderBlock';

  override call(...args: Parameters<TransformerEncoderBlock['call']>): tf.Tensor {
    return super.call(...args);
  }
}
tf.serialization.registerClass(RecordedBlock);

/** The same function, differentiated by tfjs. */
function differentiated(fn: LevelFunction): LevelFunction {
  return new AutodiffFunction('test', (xs, context) => fn.forward(xs, context), fn.weights, []);
}

function step(args: RevColBackboneArgs): Step {
  return tidyAll(() => {
    const model = makeModel(args);
    const ids = tf.tensor2d(IDS, undefined, 'int32');
    const result = takeStep(
      () => projectedLoss(model.apply(ids, { training: true }) as tf.Tensor[]),
      model.trainableWeights,
    );
    model.dispose();
    return result;
  });
}

const RANDOM: BlockArgs = { dropout: 0.2, attentionDropout: 0.2, chunkSize: 2 };
const BLOCKS: [string, BlockArgs][] = [
  ['pre-norm', RANDOM],
  ['causal', { ...RANDOM, useCausalMask: true }],
  ['post-norm cosine', { ...RANDOM, norm: 'post', attention: 'cosine' }],
];

describeBackends('isotropic columns over tokens', () => {
  test.each(BLOCKS)('%s: reversible equals stored, dropout and masks on', async (_, block) => {
    await expectNoLeak(() => {
      const options = { dropPathRate: 0.3, output: 'pyramid' as const };
      const stored = step(backboneArgs(block, { ...options, backprop: 'stored' }));
      // Nothing is undone here, so all that could differ is masks, randomness and gradients.
      const anchored = step(backboneArgs(block, { ...options, anchorEvery: 1 }));
      expectSameStep(anchored, stored, 1e-5);
      // Undoing rounds, and these attentions are sharp: the bound is that of the anchors.
      expectSameStep(step(backboneArgs(block, options)), stored, 5e-4);
    });
  });

  test.each(BLOCKS)('%s: the walk equals autodiff, dropout and masks on', async (_, block) => {
    await expectNoLeak(() =>
      tf.tidy(() => {
        const backbone = layers.revColBackbone(backboneArgs(block, { dropPathRate: 0.3 }));
        const ids = tf.tensor2d(IDS, undefined, 'int32');
        backbone.apply(ids);
        randomizeWeights(backbone.weights, 8);
        const columns = backbone.columnLayers.map((c) => c.column());
        const stem = normalTensor([2, 6, WIDTH], 1);
        const mask = tf.notEqual(ids, 0);
        const run = (list: readonly Column[], backprop: 'reversible' | 'stored') =>
          takeStep(
            () =>
              projectedLoss(
                runColumns(list, stem, {
                  backprop,
                  training: true,
                  anchorEvery: 'auto',
                  taps: [],
                  mask,
                  seed: 17,
                }).last,
              ),
            backbone.trainableWeights.filter((w) => !/stem/.test(w.originalName)),
            stem,
          );
        const walk = run(columns, 'reversible');
        const recorded = columns.map((column) => ({
          ...column,
          levels: column.levels.map(({ functions }) => ({
            functions: functions.map(differentiated),
          })),
        }));
        expectSameStep(walk, run(columns, 'stored'), 1e-4);
        expectSameStep(walk, run(recorded, 'reversible'), 1e-4);
        backbone.dispose();
      }),
    );
  });

  test('a block that overrides call is differentiated as it is', async () => {
    await expectNoLeak(() => {
      const fast = step(backboneArgs({ useCausalMask: true }));
      const recorded = new RecordedBlock({ numHeads: 2, useCausalMask: true });
      expectSameStep(step(backboneArgs({}, { block: recorded })), fast, 1e-4);
    });
  });

  test('stochastic depth of the column reaches transformer blocks', () => {
    const plain = step(backboneArgs());
    const dropped = step(backboneArgs({}, { dropPathRate: 0.6 }));
    expect(dropped.loss).not.toBeCloseTo(plain.loss, 3);
  });

  test('fit: the loss falls, step after step without a leak', async () => {
    const model = tf.sequential({
      layers: [
        layers.revColBackbone({
          ...backboneArgs({ useCausalMask: true, dropout: 0.05 }),
          inputShape: [6],
          dtype: 'int32',
        }),
        tf.layers.dense({ units: VOCABULARY }),
      ],
    });
    model.compile({
      optimizer: tf.train.adam(0.03),
      loss: (target, logits) => tf.losses.softmaxCrossEntropy(target, logits),
    });
    const ids = tf.tensor2d([IDS[1] as number[], [2, 6, 5, 3, 5, 9]], undefined, 'int32');
    const next = tf.tidy(() => {
      const following = tf.tensor1d([2, 6, 5, 3, 5, 9, 6, 5, 3, 5, 9, 2], 'int32');
      return tf.reshape(tf.oneHot(following, VOCABULARY), [2, 6, VOCABULARY]);
    });
    const train = () => model.trainOnBatch(ids, next) as Promise<number>;
    const first = await train();
    let last = first;
    await expectNoLeak(async () => {
      for (let i = 0; i < 8; i++) last = await train();
    });
    expect(last).toBeLessThan(0.7 * first);
    tf.dispose([ids, next]);
    model.dispose();
  });
});

test('a saved model loads and computes the same', async () => {
  const model = makeModel(
    backboneArgs({ norm: 'post', attention: 'cosine', keyDim: 3, chunkSize: 2, dropout: 0.1 }),
  );
  const ids = tf.tensor2d(IDS, undefined, 'int32');
  const expected = model.predict(ids) as tf.Tensor;
  let saved: tf.io.ModelArtifacts | undefined;
  await model.save(
    tf.io.withSaveHandler((artifacts) => {
      saved = artifacts;
      return Promise.resolve({
        modelArtifactsInfo: { dateSaved: new Date(), modelTopologyType: 'JSON' },
      });
    }),
  );
  const loaded = await tf.loadLayersModel(tf.io.fromMemory(saved as tf.io.ModelArtifacts));
  expectClose(loaded.predict(ids) as tf.Tensor, expected, 0);
  expect(loaded.toJSON()).toEqual(model.toJSON());
  tf.dispose([ids, expected]);
  model.dispose();
  loaded.dispose();
});
