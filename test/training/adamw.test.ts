import * as path from 'node:path';
import * as tf from '@tensorflow/tfjs';

import { AdamW, layerDecayGroups, loadCheckpoint, trainingStep } from 'tfjs-revcol';
import { describeBackends, expectClose, expectNoLeak } from '../support/backends';
import { describeGoldens, GOLDENS_DIR, readGolden } from '../support/goldens';
import { normalTensor } from '../support/training_step';
import {
  goldenExpected,
  goldenModel,
  goldenPath,
  goldenTensor,
} from '../weights/support/golden_model';

/** Minimises a sum of squares for some steps; returns the variable's values. */
function descend(optimizer: tf.Optimizer, steps: number, name = 'w/kernel'): number[] {
  return tf.tidy(() => {
    const w = tf.variable(normalTensor([2, 3], 1), true, name);
    const goal = normalTensor([2, 3], 2);
    for (let i = 0; i < steps; i++) {
      optimizer.minimize(() => tf.sum(tf.squaredDifference(w, goal)) as tf.Scalar, false, [w]);
    }
    const values = [...w.dataSync()];
    w.dispose();
    return values;
  });
}

describeBackends('AdamW', () => {
  test('without decay it is Adam', async () => {
    await expectNoLeak(() => {
      const adam = tf.train.adam(0.1, 0.8, 0.95, 1e-8);
      const own = new AdamW({
        learningRate: 0.1,
        beta1: 0.8,
        beta2: 0.95,
        weightDecay: 0,
      });
      expectClose(descend(own, 10), descend(adam, 10), 1e-5);
      own.dispose();
      adam.dispose();
    });
  });

  test('decay is decoupled: a weight without gradient shrinks, a bias does not', () => {
    // The weight of the group is made last.
    const warn = jest.spyOn(console, 'warn').mockImplementation(() => {});
    tf.tidy(() => {
      const optimizer = new AdamW({
        learningRate: 0.5,
        weightDecay: 0.1,
        groups: [{ names: 'own$', weightDecay: 0.4, learningRateScale: 0.5 }],
      });
      const after = (name: string, shape: number[]) => {
        const w = tf.variable(tf.fill(shape, 2), true, name);
        optimizer.applyGradients({ [name]: tf.zeros(shape) });
        const [value] = w.dataSync();
        w.dispose();
        return value;
      };
      expect(after('a/kernel', [2, 2])).toBeCloseTo(2 * (1 - 0.05), 6);
      expect(after('a/query/bias_3', [2, 2])).toBe(2);
      expect(after('a/gamma', [2])).toBe(2);
      expect(after('a/own', [2])).toBeCloseTo(2 * (1 - 0.25 * 0.4), 6);
      optimizer.dispose();
    });
    expect(warn).toHaveBeenCalledWith(expect.stringContaining("'own$', fit no weight"));
    warn.mockRestore();
  });

  test('steps count for each weight, as in PyTorch', async () => {
    // torch 2.13 in float64: two weights with groups of their own, which are frozen (no gradient) and
    // unfrozen; a's and b's values after each step.
    const expected: [trained: string, a: number[], b: number[]][] = [
      ['a', [0.890990099, -2.079502488], [0.5, 3.0]],
      ['a', [0.923662271, -2.047651631], [0.5, 3.0]],
      ['a', [0.87645253, -2.061430069], [0.5, 3.0]],
      ['ab', [0.896268242, -2.029759937], [0.445062422, 2.920124688]],
      ['b', [0.896268242, -2.029759937], [0.39050027, 2.84104813]],
      ['b', [0.896268242, -2.029759937], [0.336177411, 2.762762337]],
      ['ab', [0.850475154, -2.031295106], [0.281979125, 2.685259402]],
      ['a', [0.862820664, -1.999926323], [0.281979125, 2.685259402]],
      ['ab', [0.829119362, -1.996850589], [0.227843522, 2.608531496]],
    ];
    const gradient = (t: number, i: number) =>
      [0, 1].map((j) => ((-1) ** (t * (i + 1)) * 0.1 * (t + 1) * (i + 1) * (j + 1)) / (1 + j * t));
    const make = () =>
      new AdamW({
        learningRate: 0.1,
        beta1: 0.8,
        beta2: 0.95,
        epsilon: 1e-3,
        groups: [
          { names: '^a$', weightDecay: 0.1 },
          { names: '^b$', weightDecay: 0.2, learningRateScale: 0.5 },
        ],
      });
    await expectNoLeak(async () => {
      const [a, b] = tf.tidy(() => [
        tf.variable(tf.tensor1d([1, -2]), true, 'a'),
        tf.variable(tf.tensor1d([0.5, 3]), true, 'b'),
      ]) as [tf.Variable, tf.Variable];
      let optimizer = make();
      for (const [t, [trained, wantedA, wantedB]] of expected.entries()) {
        tf.tidy(() =>
          optimizer.applyGradients(
            ['a', 'b'].map((name, i) => ({
              name,
              tensor: trained.includes(name) ? tf.tensor1d(gradient(t, i)) : null,
            })),
          ),
        );
        expectClose(a, wantedA, 1e-6, `a after step ${t}`);
        expectClose(b, wantedB, 1e-6, `b after step ${t}`);
        if (t !== 4) continue;
        const next = make();
        await next.setWeights(await optimizer.getWeights());
        optimizer.dispose();
        optimizer = next;
      }
      expect(optimizer.iterations).toBe(expected.length);
      optimizer.dispose();
      tf.dispose([a, b]);
    });
  });

  test('bad input changes nothing', async () => {
    const [w, u] = [1, 2].map((i) => tf.variable(normalTensor([2, 3], i), true, `bad/w${i}`));
    const [optimizer, twin] = [new AdamW(), new AdamW()];
    const good = { name: 'bad/w1', tensor: normalTensor([2, 3], 3) };
    const start = tf.clone(w as tf.Variable);
    twin.applyGradients([good]);
    const expected = [...(w as tf.Variable).dataSync()];
    w?.assign(start);
    const bad: [{ name: string; tensor: tf.Tensor }, string][] = [
      [{ name: 'bad/w3', tensor: good.tensor }, "no variable named 'bad/w3'"],
      [{ name: 'bad/w2', tensor: start.as1D() }, 'float32 [6]; expected float32 [2, 3]'],
      [{ name: 'bad/w2', tensor: tf.zeros([2, 3], 'int32') }, 'is int32 [2, 3]; expected float32'],
      [{ name: 'bad/w1', tensor: start }, "'bad/w1' is given two gradients"],
    ];
    for (const [gradient, message] of bad) {
      await expectNoLeak(() => {
        expect(() => optimizer.applyGradients([good, gradient])).toThrow(message);
      });
    }
    optimizer.learningRate = NaN;
    expect(() => optimizer.applyGradients([good])).toThrow('learningRate is NaN');
    optimizer.learningRate = 1e-3;
    expect([...(w as tf.Variable).dataSync()]).toEqual([...start.dataSync()]);
    // A weight that is listed twice takes one step.
    optimizer.applyGradients([good, good]);
    expect([...(w as tf.Variable).dataSync()]).toEqual(expected);
    optimizer.dispose();
    twin.dispose();
    tf.dispose([
      w as tf.Variable,
      u as tf.Variable,
      good.tensor,
      start,
      bad.map(([g]) => g.tensor),
    ]);
  });

  test('saved and restored, it goes on the same', async () => {
    const make = () => new AdamW({ learningRate: 0.1, weightDecay: 0.2 });
    const w = tf.variable(normalTensor([2, 3], 1), true, 'saved/kernel');
    const gradient = normalTensor([2, 3], 3);
    const [first, second] = [make(), make()];
    first.applyGradients({ 'saved/kernel': gradient });
    const start = tf.clone(w);
    await second.setWeights(await first.getWeights());
    first.applyGradients({ 'saved/kernel': gradient });
    const expected = [...w.dataSync()];
    w.assign(start);
    second.applyGradients({ 'saved/kernel': gradient });
    expect([...w.dataSync()]).toEqual(expected);
    expect(second.iterations).toBe(2);
    first.dispose();
    second.dispose();
    tf.dispose([w, gradient, start]);
  });
});

test('is registered and round-trips its configuration', () => {
  const optimizer = new AdamW({ beta1: 0.5, groups: [{ names: 'a', weightDecay: 0 }] });
  optimizer.learningRate = 0.25;
  const [cls, fromConfig] = tf.serialization.SerializationMap.getMap().classNameMap[
    optimizer.getClassName()
  ] as NonNullable<(typeof tf.serialization.SerializationMap.prototype.classNameMap)[string]>;
  const copy = fromConfig(cls, JSON.parse(JSON.stringify(optimizer.getConfig())) as never) as AdamW;
  expect(copy).toBeInstanceOf(AdamW);
  expect(copy.getConfig()).toEqual(optimizer.getConfig());
  expect(copy.getConfig()).toMatchObject({ learningRate: 0.25, beta1: 0.5 });
});

test('arguments are checked', () => {
  expect(() => new AdamW({ beta1: 1 })).toThrow('beta1 is 1; expected a number in [0, 1)');
  expect(() => new AdamW({ weightDecay: -1 })).toThrow('weightDecay is -1');
  expect(() => new AdamW({ groups: [{ names: 'a', learningRateScale: -1 }] })).toThrow(
    'groups[0]: learningRateScale is -1',
  );
  expect(() => new AdamW({ learningRate: Infinity })).toThrow('learningRate is Infinity');
  expect(() => new AdamW({ groups: [{ names: '(' }] })).toThrow("groups[0]: names is '('");
  expect(() => new AdamW({ groups: [{ names: /a/ as never }] })).toThrow(
    'groups[0]: names is /a/; expected a regular expression as a string',
  );
});

describeGoldens('AdamW golden', () => {
  const slow = { except: ['cpu'] };
  const title = 'three steps of PyTorch, layer by layer';
  const body = () => {
    test('give the same losses and weights', async () => {
      const golden = goldenExpected('plain');
      const [model, expected] = [goldenModel(golden), goldenModel(golden)];
      await loadCheckpoint(model, goldenPath('plain', '.weights.safetensors'));
      const steps = 'adamw_three_steps.expected.safetensors';
      await loadCheckpoint(expected, path.join(GOLDENS_DIR, steps), { strict: false });
      const optimizer = new AdamW({ learningRate: 1e-3, groups: layerDecayGroups(model) });
      const x = goldenTensor(golden, 'x');
      const target = golden.tensors.get('target')?.data as Int32Array;
      const labels = tf.tidy(() => tf.oneHot(tf.tensor1d(target, 'int32'), 10));
      const losses = [0, 1, 2].map(() => {
        const loss = trainingStep(model, optimizer, x, (y) =>
          tf.losses.softmaxCrossEntropy(labels, y as tf.Tensor),
        );
        const [value] = loss.dataSync();
        loss.dispose();
        return value as number;
      });
      expectClose(losses, readGolden(steps).tensors.get('losses')?.data as Float32Array, 1e-5);
      model.weights.forEach((w, i) => {
        const other = expected.weights[i] as tf.LayerVariable;
        expectClose(w.read(), other.read(), 1e-4, w.originalName);
      });
      optimizer.dispose();
      tf.dispose([x, labels]);
      model.dispose();
      expected.dispose();
    });
  };
  describeBackends(title, body, slow);
});
