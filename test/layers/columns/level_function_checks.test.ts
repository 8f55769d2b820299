/** Level functions of users' blocks that break the contract: an error that names the block. */
import * as tf from '@tensorflow/tfjs';

import { layers, type LevelFunction } from 'tfjs-revcol';
import { describeBackends, expectNoLeak } from '../../support/backends';
import { normalTensor } from '../../support/training_step';

/** Scales channels; `spoil` changes what its level function gives. */
class ScaleBlock extends tf.layers.Layer {
  static className = 'TestScaleBlock';
  static spoil: (fn: LevelFunction, scale: tf.Variable) => unknown = (fn) => fn;
  private scale!: tf.LayerVariable;

  override build(shape: tf.Shape) {
    const channels = shape[shape.length - 1] as number;
    this.scale = this.addWeight('scale', [channels], 'float32', tf.initializers.ones());
    super.build(shape);
  }

  override call(inputs: tf.Tensor | tf.Tensor[]) {
    return tf.mul([inputs].flat()[0] as tf.Tensor, this.scale.read());
  }

  get differentiatedCall() {
    return ScaleBlock.prototype.call;
  }

  levelFunction(trainable: boolean): LevelFunction {
    const scale = this.scale.read() as tf.Variable;
    const fn: LevelFunction = {
      weights: trainable ? [scale] : [],
      state: [],
      forward: ([x]) => tf.mul(x as tf.Tensor, scale),
      linearize: ([x]) => {
        const kept = tf.clone(x as tf.Tensor);
        return {
          output: tf.mul(kept, scale),
          pullback: (dy) => {
            const dInputs = [tf.mul(dy, scale)];
            const dWeights = trainable ? [tf.tidy(() => tf.sum(tf.mul(dy, kept), [0, 1, 2]))] : [];
            kept.dispose();
            return { dInputs, dWeights };
          },
        };
      },
    };
    return ScaleBlock.spoil(fn, scale) as LevelFunction;
  }
}
tf.serialization.registerClass(ScaleBlock);

type Linearized = ReturnType<LevelFunction['linearize']>;
type Gradients = ReturnType<Linearized['pullback']>;

/** Spoils what `pullback` gives. */
const pulling = (spoil: (gradients: Gradients) => unknown) => (fn: LevelFunction) => ({
  ...fn,
  linearize: (...args: Parameters<LevelFunction['linearize']>) => {
    const { output, pullback } = fn.linearize(...args);
    return { output, pullback: (dy: tf.Tensor) => spoil(pullback(dy)) };
  },
});

const BROKEN: [string, (fn: LevelFunction) => unknown, RegExp][] = [
  [
    'weights that lack what is trained',
    (fn) => ({ ...fn, weights: [] }),
    /weights .* lack .*scale/,
  ],
  ['no state', ({ state: _, ...fn }) => fn, /no array state/],
  ['no linearize', ({ linearize: _, ...fn }) => fn, /no method linearize/],
  [
    'an output that is the input',
    (fn) => ({ ...fn, forward: ([x]: tf.Tensor[]) => x, linearize: fn.linearize }),
    /forward gives an input itself as output; give tf.clone/,
  ],
  [
    'gradients as a list',
    pulling(({ dInputs }) => dInputs),
    /gradients dInputs have the shapes null/,
  ],
  [
    'no gradient of a weight',
    pulling(({ dInputs, dWeights }) => {
      tf.dispose(dWeights);
      return { dInputs, dWeights: [] };
    }),
    /gradients dWeights have the shapes \[\]; expected \[\[4\]\]/,
  ],
  [
    'a gradient of another shape',
    pulling(({ dInputs, dWeights }) => ({ dInputs: dInputs.map((d) => tf.sum(d, 0)), dWeights })),
    /gradients dInputs have the shapes .*expected/,
  ],
];

describeBackends('a level function of a user', () => {
  afterEach(() => {
    ScaleBlock.spoil = (fn) => fn;
  });

  test.each(BROKEN)('with %s is refused by name', async (_, spoil, message) => {
    await expectNoLeak(() =>
      tf.tidy(() => {
        const backbone = layers.revColBackbone({
          columns: 2,
          channels: [4, 4],
          depths: [1, 1],
          patchSize: 1,
          block: new ScaleBlock({}),
        });
        const x = normalTensor([1, 4, 4, 2], 1);
        backbone.apply(x);
        ScaleBlock.spoil = spoil;
        const step = () =>
          tf.variableGrads(() =>
            tf.sum(tf.square(backbone.apply(x, { training: true }) as tf.Tensor)),
          );
        let error: unknown;
        try {
          step();
        } catch (thrown) {
          error = thrown;
        }
        expect(String(error)).toMatch(message);
        expect(String(error)).toMatch(/TestScaleBlock \S+: .*; see LevelFunction/);
        backbone.dispose();
      }),
    );
  });
});
