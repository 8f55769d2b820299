/** Blocks, fusions and stems whose output depends on state that the forward pass changes. */
import * as tf from '@tensorflow/tfjs';
import * as fc from 'fast-check';

import { layers, recompute, type RevColBackbone, type RevColBackboneArgs } from 'tfjs-revcol';
import { tidyAll } from '../../../src/ops/engine/tensors';
import { describeBackends, expectClose, expectNoLeak, relativeError } from '../../support/backends';
import { gradientError } from '../../support/networks';
import {
  expectSameStep,
  normalTensor,
  projectedLoss,
  randomizeWeights,
  takeStep,
  weightValues,
  worstError,
} from '../../support/training_step';

const WIDTH = 5;

/** How a layer treats its state. */
interface Habits {
  /** Also outside of training. */
  always: boolean;
  /** The one state that all layers share, instead of one of its own; listed or not as a weight. */
  shared: 'no' | 'listed' | 'unlisted';
  /** Reads the shared state, whoever writes it. */
  readsShared: boolean;
  /** Runs its body twice, as a layer does that is used twice. */
  twice: boolean;
  checkpointed: boolean;
  /** Overwrites its kernel by the normalised one. */
  normalizesInPlace: boolean;
}

const PLAIN: Habits = {
  always: false,
  shared: 'no',
  readsShared: false,
  twice: false,
  checkpointed: false,
  normalizesInPlace: false,
};

/** State that belongs to no layer, as a variable and as a weight. */
let common: tf.Variable;
let commonWeight: tf.LayerVariable;

function makeCommon(): void {
  commonWeight = new tf.LayerVariable(normalTensor([1, WIDTH], 9), 'float32', 'common', false);
  common = commonWeight.read() as tf.Variable;
}

/** A residual dense layer divided by an estimate of its norm, which a power iteration improves. */
class PowerDense extends tf.layers.Layer {
  static className = 'PowerDenseTestBlock';
  private kernel!: tf.LayerVariable;
  private own!: tf.LayerVariable;
  readonly habits: Habits;

  constructor(args: { name?: string; habits?: Habits } = {}) {
    super(args);
    this.habits = { ...PLAIN, ...args.habits };
  }

  override build(): void {
    const init = tf.initializers.ones();
    this.kernel = this.addWeight('kernel', [WIDTH, WIDTH], 'float32', init);
    this.own = this.addWeight('u', [1, WIDTH], 'float32', init, undefined, false);
    this.built = true;
  }

  override computeOutputShape(shape: tf.Shape | tf.Shape[]): tf.Shape {
    return (Array.isArray(shape[0]) ? shape[0] : shape) as tf.Shape;
  }

  override get nonTrainableWeights(): tf.LayerVariable[] {
    const listed = this.habits?.shared === 'listed' && common != null;
    return [...super.nonTrainableWeights, ...(listed ? [commonWeight] : [])];
  }

  private readState(): tf.Tensor {
    return this.habits.shared === 'no' ? this.own.read() : common;
  }

  private body(x: tf.Tensor, training: boolean): tf.Tensor {
    return tf.tidy(() => {
      const w = this.kernel.read() as tf.Tensor2D;
      if (training || this.habits.always) {
        const v = tf.matMul(this.readState() as tf.Tensor2D, w);
        const u = tf.matMul(tf.div(v, tf.norm(v)), w, false, true);
        const next = tf.div(u, tf.norm(u));
        if (this.habits.shared === 'no') this.own.write(next);
        else common.assign(next);
        if (this.habits.normalizesInPlace) this.kernel.write(tf.div(w, tf.sqrt(tf.norm(w))));
      }
      const norm = tf.norm(tf.matMul(this.readState() as tf.Tensor2D, w));
      const factor = this.habits.readsShared ? tf.sum(tf.square(common)) : tf.scalar(1);
      const y = tf.matMul(tf.reshape(x, [-1, WIDTH]), tf.div(w, norm) as tf.Tensor2D);
      return tf.add(x, tf.mul(tf.tanh(tf.reshape(y, x.shape)), factor));
    });
  }

  override call(inputs: tf.Tensor | tf.Tensor[], kwargs: { training?: boolean }): tf.Tensor {
    const [x, upper] = [inputs].flat() as [tf.Tensor, tf.Tensor?];
    const run = (t: tf.Tensor) => this.body(t, kwargs.training ?? false);
    const once = this.habits.checkpointed ? recompute(run) : run;
    const y = once(upper ? tf.add(x, upper) : x);
    return this.habits.twice ? once(y) : y;
  }

  override getConfig(): tf.serialization.ConfigDict {
    return { ...super.getConfig(), habits: { ...this.habits } };
  }
}
tf.serialization.registerClass(PowerDense, 'tfjs-revcol-tests');

const power = (habits: Partial<Habits> = {}) => new PowerDense({ habits: { ...PLAIN, ...habits } });

const BASE: RevColBackboneArgs = {
  columns: 3,
  channels: [WIDTH, WIDTH],
  depths: [2, 2],
  output: 'pyramid',
  anchorEvery: 2,
};

/** One step in a mode: loss, gradients, and all weights and the common state after it. */
function step(args: RevColBackboneArgs, backprop: 'reversible' | 'stored', uses: boolean[]) {
  return tidyAll(() => {
    makeCommon();
    const backbone = layers.revColBackbone({ ...args, name: 'backbone', backprop });
    const x = normalTensor([8, WIDTH], 7);
    backbone.apply(x);
    const weights = backbone.weights.filter((w) => w !== commonWeight);
    randomizeWeights(weights, 11);
    common.assign(normalTensor([1, WIDTH], 10));
    const result = takeStep(
      () =>
        tf.addN(
          uses.map((training) =>
            projectedLoss(backbone.apply(x, { training }) as tf.Tensor | tf.Tensor[]),
          ),
        ),
      backbone.trainableWeights,
      x,
    );
    const after = weightValues(weights);
    after.set('common', Float32Array.from(common.dataSync()));
    weights.forEach((w) => w.dispose());
    common.dispose();
    return { result, after };
  });
}

async function expectSame(args: RevColBackboneArgs, uses = [true]): Promise<void> {
  const [reversible, stored] = [
    await expectNoLeak(() => step(args, 'reversible', uses)),
    step(args, 'stored', uses),
  ];
  expect(reversible.result.loss).toBeCloseTo(stored.result.loss, 3);
  expect(gradientError(reversible.result, stored.result).error).toBeLessThan(2e-4);
  expect(worstError(reversible.after, stored.after).error).toBeLessThan(1e-5);
}

describeBackends('state that the forward pass changes', () => {
  test.each<[string, RevColBackboneArgs, boolean[]?]>([
    ['in blocks', { block: power() }],
    ['in one block per level', { depths: [1, 1], block: power() }],
    ['shared by all blocks, and listed by them', { block: power({ shared: 'listed' }) }],
    ['shared by all blocks, and listed by none', { block: power({ shared: 'unlisted' }) }],
    [
      'of other blocks, which are read',
      { block: [power({ shared: 'unlisted' }), power({ readsShared: true })] },
    ],
    [
      'of blocks above, which are read',
      { block: [power({ readsShared: true }), power({ shared: 'unlisted' })] },
    ],
    ['in layers used twice', { block: power({ twice: true }) }],
    ['in checkpointed layers', { block: power({ checkpointed: true, twice: true }) }],
    [
      'shared by checkpointed layers',
      { block: power({ checkpointed: true, shared: 'unlisted', twice: true }) },
    ],
    ['in fusions', { fusion: power(), block: power() }],
    ['in a stem', { stem: power({ shared: 'unlisted' }), block: power({ readsShared: true }) }],
    ['in inference as well', { block: power({ always: true }) }, [false]],
    ['that is a trainable weight', { block: power({ normalizesInPlace: true }) }],
    ['with anchors everywhere', { anchorEvery: 1, block: power({ shared: 'listed' }) }],
    ['when the network is used twice', { block: power() }, [true, true]],
    ['when the network is used in inference, then in training', { block: power() }, [false, true]],
    [
      'when the network is used three times and blocks share it',
      { block: power({ shared: 'listed' }) },
      [false, true, false],
    ],
  ])('%s: gradients and state are those of stored mode', async (...[, args, uses]) => {
    await expectSame({ ...BASE, ...args }, uses);
  });

  test('in single columns', async () => {
    await expectNoLeak(() =>
      tidyAll(() => {
        const run = (backprop: 'reversible' | 'stored') => {
          const column = layers.reversibleColumn({
            name: 'column',
            channels: [WIDTH, WIDTH],
            depths: [2, 2],
            block: power(),
            backprop,
          });
          const inputs = [1, 2, 3].map((seed) => normalTensor([4, WIDTH], seed));
          column.apply(inputs);
          randomizeWeights(column.weights, 3);
          const result = takeStep(
            () => projectedLoss(column.apply(inputs, { training: true }) as tf.Tensor[]),
            column.trainableWeights,
            inputs[1],
          );
          const after = weightValues(column.weights);
          column.dispose();
          return { result, after };
        };
        const [reversible, stored] = [run('reversible'), run('stored')];
        expectSameStep(reversible.result, stored.result, 1e-4);
        expect(worstError(reversible.after, stored.after).error).toBeLessThan(1e-5);
      }),
    );
  });

  test('whatever the habits: random networks', async () => {
    const habits = fc.record({
      always: fc.boolean(),
      shared: fc.constantFrom('no' as const, 'listed' as const, 'unlisted' as const),
      readsShared: fc.boolean(),
      twice: fc.boolean(),
      checkpointed: fc.boolean(),
      normalizesInPlace: fc.constant(false),
    });
    const networks = fc.record({
      columns: fc.integer({ min: 1, max: 4 }),
      depths: fc.tuple(fc.nat(2), fc.nat(2)),
      blocks: fc.tuple(habits, habits),
      fusion: fc.option(habits),
      anchorEvery: fc.constantFrom<'auto' | number>('auto', 1, 2),
      uses: fc.array(fc.boolean(), { minLength: 1, maxLength: 2 }),
    });
    await fc.assert(
      fc.asyncProperty(networks, async ({ blocks, fusion, uses, ...args }) => {
        // Of a variable that no layer lists nobody can know that it will change once it is only read.
        const hidden = [...blocks, fusion].some((h) => h?.shared === 'unlisted');
        if (hidden) uses.sort((a, b) => Number(b) - Number(a));
        await expectSame(
          {
            ...BASE,
            ...args,
            block: blocks.map(power),
            ...(fusion ? { fusion: power(fusion) } : {}),
          },
          uses,
        );
      }),
      { numRuns: 8, seed: 3 },
    );
  });

  test.each([true, false])(
    'is left alone by inverse and reconstructionError, training: %s',
    async (training) => {
      await expectNoLeak(async () => {
        const { read } = tidyAll(() => {
          makeCommon();
          const block = power({ always: true, twice: true });
          const backbone: RevColBackbone = layers.revColBackbone({
            ...BASE,
            name: 'backbone',
            stem: power({ always: true }),
            block,
          });
          const x = normalTensor([8, WIDTH], 7);
          backbone.apply(x);
          randomizeWeights(backbone.weights, 11);
          const before = weightValues(backbone.weights);
          const read = backbone.reconstructionErrorAsync(x, { training });
          expect([...weightValues(backbone.weights)]).toEqual([...before]);
          const column = backbone.columnLayers[1] as RevColBackbone['columnLayers'][number];
          const recovered = column.inverse([x, x, x]);
          expect(recovered.every((r) => relativeError(r, x) > 0)).toBe(true);
          expect([...weightValues(backbone.weights)]).toEqual([...before]);
          backbone.dispose();
          common.dispose();
          return { read };
        });
        const errors = await read;
        // Exact but for rounding: every function ran with the state that its forward pass found.
        expect(Math.max(...errors.flatMap(({ levels }) => levels))).toBeLessThan(1e-4);
      });
    },
  );

  test('is put back when the walk fails, as the forward pass left it', () => {
    tf.tidy(() => {
      makeCommon();
      const backbone = layers.revColBackbone({ ...BASE, block: power({ shared: 'unlisted' }) });
      const x = normalTensor([8, WIDTH], 7);
      backbone.apply(x);
      let after: tf.Tensor | undefined;
      expect(() =>
        takeStep(
          () => {
            const loss = projectedLoss(backbone.apply(x, { training: true }) as tf.Tensor[]);
            after = tf.keep(tf.clone(common));
            // The next gradient that is taken is that of a block in the walk; after a few it breaks.
            let calls = 0;
            const engine = tf.engine();
            const gradients = engine.gradients.bind(engine);
            jest.spyOn(engine, 'gradients').mockImplementation((...args) => {
              if (++calls === 4) throw new Error('gradient broke');
              return gradients(...args);
            });
            return loss;
          },
          backbone.trainableWeights,
          x,
        ),
      ).toThrow('gradient broke');
      jest.restoreAllMocks();
      expectClose(common, after as tf.Tensor, 0);
      after?.dispose();
      backbone.dispose();
      common.dispose();
    });
  });
});
