import * as tf from '@tensorflow/tfjs';

import { layers, memoryPeak, type RevColBackbone } from 'tfjs-revcol';
import { describeBackends, expectNoLeak } from '../../support/backends';
import {
  normalTensor,
  projectedLoss,
  randomizeWeights,
  takeStep,
} from '../../support/training_step';

/** A block with a weight that counts how often each column runs it. */
class Counted extends tf.layers.Layer {
  static className = 'CountedTestBlock';
  static calls = new Map<string, number>();
  private scale!: tf.LayerVariable;

  override build(inputShape: tf.Shape | tf.Shape[]): void {
    const channels = (inputShape as number[]).at(-1) as number;
    this.scale = this.addWeight('scale', [channels], 'float32', tf.initializers.ones());
    this.built = true;
  }

  override call(inputs: tf.Tensor | tf.Tensor[]): tf.Tensor {
    const x = (Array.isArray(inputs) ? inputs[0] : inputs) as tf.Tensor;
    const column = /column_\d+/.exec(this.scale.originalName)?.[0] as string;
    Counted.calls.set(column, (Counted.calls.get(column) ?? 0) + 1);
    return tf.add(x, tf.tanh(tf.mul(x, this.scale.read())));
  }
}
tf.serialization.registerClass(Counted);

function build(): { backbone: RevColBackbone; x: tf.Tensor } {
  const backbone = layers.revColBackbone({
    columns: 4,
    channels: [3, 4],
    depths: [1, 1],
    patchSize: 1,
    block: new Counted({}),
  });
  const x = normalTensor([1, 4, 4, 2], 1);
  tf.tidy(() => void backbone.apply(x));
  randomizeWeights(backbone.weights, 2);
  return { backbone, x };
}

/** Calls per column in one training step, and the names of the weights with gradients. */
function stepOf(backbone: RevColBackbone, x: tf.Tensor, withInput: boolean) {
  Counted.calls.clear();
  const { gradients, input } = takeStep(
    () => projectedLoss(backbone.apply(x, { training: true }) as tf.Tensor),
    backbone.trainableWeights,
    withInput ? x : null,
  );
  const calls = [0, 1, 2, 3].map((i) => Counted.calls.get(`column_${i}`));
  return { calls, names: [...gradients.keys()], input };
}

function freeze(backbone: RevColBackbone, columns: number[], stem: boolean): void {
  columns.forEach((i) => {
    (backbone.columnLayers[i] as tf.layers.Layer).trainable = false;
  });
  backbone.stem.trainable = !stem;
}

describeBackends('frozen parts', () => {
  // Two levels of one block: two calls per column in the forward pass, and two on the way back.
  test.each([
    ['nothing frozen', [], false, false, [4, 4, 4, 4]],
    ['the first two columns and the stem', [0, 1], true, false, [2, 2, 4, 4]],
    ['the same, when the input needs a gradient', [0, 1], true, true, [4, 4, 4, 4]],
    ['the first two columns, when the stem needs one', [0, 1], false, false, [4, 4, 4, 4]],
    ['the last two columns', [2, 3], true, false, [4, 4, 4, 4]],
    ['all of them', [0, 1, 2, 3], true, false, [2, 2, 2, 2]],
  ] as const)('%s: neither undone nor differentiated', async (_, columns, stem, input, calls) => {
    const { backbone, x } = build();
    freeze(backbone, [...columns], stem);
    await expectNoLeak(() => {
      if (columns.length === 4) {
        // Something after the backbone is trained.
        Counted.calls.clear();
        tf.tidy(() => {
          const scale = tf.variable(tf.scalar(1));
          const loss = () =>
            tf.mul(projectedLoss(backbone.apply(x, { training: true }) as tf.Tensor), scale);
          tf.variableGrads(loss as () => tf.Scalar, [scale]);
          scale.dispose();
        });
        expect([0, 1, 2, 3].map((i) => Counted.calls.get(`column_${i}`))).toEqual(calls);
        return;
      }
      const step = stepOf(backbone, x, input);
      expect(step.calls).toEqual(calls);
      expect(step.input != null).toBe(input);
      const found = [0, 1, 2, 3].filter((i) => step.names.some((n) => n.includes(`column_${i}/`)));
      expect(found).toEqual(
        [0, 1, 2, 3].filter((i) => !(columns as readonly number[]).includes(i)),
      );
      expect(step.names.some((n) => n.includes('/stem/'))).toBe(!stem);
      expect([...step.names].sort()).toEqual(
        backbone.trainableWeights.map((w) => w.originalName).sort(),
      );
    });
    backbone.dispose();
    x.dispose();
  });

  test('take no memory for gradients', async () => {
    const bytes: number[] = [];
    for (const frozen of [[], [0, 1, 2]]) {
      const backbone = layers.revColBackbone({
        columns: 4,
        channels: [16, 32],
        depths: [1, 1],
        patchSize: 1,
      });
      const x = normalTensor([1, 2, 2, 2], 1);
      tf.tidy(() => void backbone.apply(x));
      freeze(backbone, frozen, frozen.length > 0);
      const before = tf.memory().numBytes;
      const { peakBytes } = await memoryPeak(() => {
        takeStep(
          () => projectedLoss(backbone.apply(x, { training: true }) as tf.Tensor),
          backbone.trainableWeights,
        );
      });
      bytes.push(peakBytes - before);
      backbone.dispose();
      x.dispose();
    }
    expect(bytes[1]).toBeLessThan(0.5 * (bytes[0] as number));
  });
});
