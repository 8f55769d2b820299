import * as tf from '@tensorflow/tfjs';
import * as fc from 'fast-check';

import { layers } from 'tfjs-revcol';
import { describeBackends } from '../../support/backends';
import { backboneOf, inputOf, type Network } from '../../support/networks';
import { runs } from '../../support/runs';
import {
  expectSameStep,
  projectedLoss,
  randomizeWeights,
  type Step,
  takeStep,
  weightValues,
} from '../../support/training_step';

const NETWORK: Network = {
  levels: 2,
  columns: 3,
  channels: [4, 5],
  depths: [2, 1],
  batch: 2,
  patchSize: 1,
  excess: [1, 0],
  kernelSize: 3,
  topFusion: true,
  dropPathRate: 0.3,
  anchorEvery: 2,
  output: 'columns',
  wild: false,
  block: 'convnext',
  frozenSeed: 0,
  seed: 3,
};

/** Throws in the call that `failAt` counts down to; else a residual block with a weight. */
class Brittle extends tf.layers.Layer {
  static className = 'BrittleTestBlock';
  static failAt = Infinity;
  static calls = 0;
  private scale!: tf.LayerVariable;

  override build(inputShape: tf.Shape | tf.Shape[]): void {
    const channels = (inputShape as number[]).at(-1) as number;
    this.scale = this.addWeight('scale', [channels], 'float32', tf.initializers.ones());
    this.built = true;
  }

  override call(inputs: tf.Tensor | tf.Tensor[]): tf.Tensor {
    const x = (Array.isArray(inputs) ? inputs[0] : inputs) as tf.Tensor;
    const half = tf.tanh(tf.mul(x, this.scale.read()));
    if (++Brittle.calls === Brittle.failAt) throw new Error('brittle block broke');
    return tf.add(x, half);
  }
}
tf.serialization.registerClass(Brittle);

/** Nine blocks. */
const BRITTLE = {
  columns: 3,
  channels: [4, 5],
  depths: [2, 1],
  patchSize: 1,
  anchorEvery: 2,
};

interface Setup {
  output: () => tf.Tensor[];
  step: () => Step;
  weights: () => Map<string, Float32Array>;
  dispose: () => void;
}

function setUp(make: () => ReturnType<typeof backboneOf>): Setup {
  const backbone = make();
  const x = inputOf(NETWORK);
  tf.tidy(() => void backbone.apply(x));
  randomizeWeights(backbone.weights, 5);
  const output = () => backbone.apply(x, { training: true }) as tf.Tensor[];
  return {
    output,
    step: () => takeStep(() => projectedLoss(output()), backbone.trainableWeights, x),
    weights: () => weightValues(backbone.weights),
    dispose: () => {
      backbone.dispose();
      x.dispose();
    },
  };
}

/**
 * Numbers, from 1, of the kernel calls of `fn` that the columns make. Without the copies with which
 * tfjs itself saves what the tape needs: it keeps those it has made when the next one fails.
 */
function callsOfColumns(fn: () => void): number[] {
  const inside: number[] = [];
  let calls = 0;
  const limit = Error.stackTraceLimit;
  Error.stackTraceLimit = 100;
  const run = tf.engine().runKernel.bind(tf.engine());
  const spy = jest.spyOn(tf.engine(), 'runKernel').mockImplementation((...args) => {
    calls++;
    const stack = new Error().stack ?? '';
    if (/reversible[\\/]backbone/.test(stack) && !/saveTensors/.test(stack)) inside.push(calls);
    return run(...args);
  });
  try {
    fn();
  } finally {
    spy.mockRestore();
    Error.stackTraceLimit = limit;
  }
  return inside;
}

/** Runs `fn` and lets its n-th kernel call fail. */
function failingAt(n: number, fn: () => void): void {
  let calls = 0;
  const run = tf.engine().runKernel.bind(tf.engine());
  const spy = jest.spyOn(tf.engine(), 'runKernel').mockImplementation((...args) => {
    if (++calls === n) throw new Error('kernel broke');
    return run(...args);
  });
  try {
    expect(fn).toThrow('kernel broke');
  } finally {
    spy.mockRestore();
  }
}

describeBackends('failures', () => {
  afterEach(() => {
    Brittle.failAt = Infinity;
    Brittle.calls = 0;
  });

  test.each(['reversible', 'stored'] as const)(
    '%s: a block that throws, wherever, leaks nothing and leaves the network usable',
    (backprop) => {
      const setup = setUp(() =>
        layers.revColBackbone({ ...BRITTLE, block: new Brittle({}), output: 'columns', backprop }),
      );
      const before = tf.memory().numTensors;
      Brittle.calls = 0;
      const step = setup.step();
      const calls = Brittle.calls;
      // Forward runs each of the 9 blocks once. So does the walk back, and again, to differentiate it,
      // each that is not its level's last.
      expect(calls).toBe(backprop === 'reversible' ? 9 + 9 + 3 : 9);
      for (let n = 1; n <= calls; n++) {
        Brittle.calls = 0;
        Brittle.failAt = n;
        expect(setup.step).toThrow('brittle block broke');
        expect({ n, tensors: tf.memory().numTensors }).toEqual({ n, tensors: before });
      }
      Brittle.failAt = Infinity;
      expectSameStep(setup.step(), step, 1e-6);
      setup.dispose();
    },
  );

  test('a walk back that fails in optimizer.minimize leaves the weights as they were', () => {
    const setup = setUp(() =>
      layers.revColBackbone({ ...BRITTLE, block: new Brittle({}), output: 'columns' }),
    );
    const before = setup.weights();
    const optimizer = tf.train.sgd(0.1);
    Brittle.calls = 0;
    Brittle.failAt = 12;
    expect(() =>
      tf.tidy(() => void optimizer.minimize(() => projectedLoss(setup.output()) as tf.Scalar)),
    ).toThrow('brittle block broke');
    expect([...setup.weights()]).toEqual([...before]);
    setup.dispose();
    optimizer.dispose();
  });
});

// Hundreds of kernels, each a step; cpu is slow.
describeBackends(
  'failing kernels',
  () => {
    test('any kernel of the columns that throws, forward or backward, leaks nothing', () => {
      const setup = setUp(() => backboneOf(NETWORK, 'reversible'));
      const before = tf.memory().numTensors;
      const inside = callsOfColumns(setup.step);
      expect(inside.length).toBeGreaterThan(200);
      fc.assert(
        fc.property(fc.constantFrom(...inside), (n) => {
          failingAt(n, setup.step);
          expect({ n, tensors: tf.memory().numTensors }).toEqual({ n, tensors: before });
        }),
        { numRuns: runs(10), seed: 1 },
      );
      expect(setup.step().gradients.size).toBeGreaterThan(0);
      setup.dispose();
    });

    test('a failing walk back leaves moving statistics as the forward pass wrote them', () => {
      const make = () => setUp(() => backboneOf({ ...NETWORK, block: 'normalized' }, 'reversible'));
      const [whole, failing] = [make(), make()];
      const start = whole.weights();
      const inside = callsOfColumns(whole.step);
      const after = whole.weights();
      const name = [...after.keys()].find((key) => /column_2.*moving_mean/.test(key)) as string;
      expect(after.get(name)).not.toEqual(start.get(name));
      // Well inside the walk, which makes most of the calls and ends in gradients handed over.
      for (const part of [0.6, 0.75, 0.9]) {
        failingAt(inside[Math.floor(part * inside.length)] as number, failing.step);
        if (part === 0.6) expect([...failing.weights()]).toEqual([...after]);
      }
      whole.dispose();
      failing.dispose();
    });
  },
  { except: ['cpu'] },
);
