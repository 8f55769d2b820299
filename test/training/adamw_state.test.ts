/** State that AdamW is given by hand: its own, another optimizer's, and what is none. */
import * as tf from '@tensorflow/tfjs';

import { AdamW } from 'tfjs-revcol';
import { expectNoLeak, useBackend } from '../support/backends';
import {
  compile,
  dense,
  free,
  freeModels,
  nested,
  own,
  train,
  trainOnly,
  valuesOf,
  weightsOf,
} from './support/adamw_models';

type NamedTensor = Awaited<ReturnType<AdamW['getWeights']>>[number];

beforeAll(() => useBackend('cpu'));
afterEach(freeModels);

describe('state given by hand', () => {
  test('its own changes nothing, at any time', async () => {
    const [model, twin] = [compile(dense(['a', 'b'])), compile(dense(['a', 'b']))];
    const optimizer = model.optimizer as AdamW;
    const old = await optimizer.getWeights();
    trainOnly(model, ['b']);
    trainOnly(twin, ['b']);
    await train(model, 2);
    await train(twin, 2);
    const own = await optimizer.getWeights();
    await optimizer.setWeights(own);
    trainOnly(model, ['a']);
    trainOnly(twin, ['a']);
    await expectNoLeak(async () => optimizer.setWeights(await optimizer.getWeights()));
    await train(model, 2);
    await train(twin, 2);
    await optimizer.setWeights(await optimizer.getWeights());
    trainOnly(model, ['a', 'b']);
    trainOnly(twin, ['a', 'b']);
    expect(await train(model, 2)).toEqual(await train(twin, 2));
    await expect(optimizer.setWeights(old)).resolves.toBeUndefined();
  });

  test('copies bring an earlier state back, without weights that joined later', async () => {
    const model = compile(dense(['a', 'b']));
    const optimizer = model.optimizer as AdamW;
    trainOnly(model, ['b']);
    await train(model, 2);
    const weights = weightsOf(model).map((w) => tf.clone(w.read()));
    const state = (await optimizer.getWeights()).map(({ name, tensor }) => ({
      name,
      tensor: tf.clone(tensor),
    }));
    trainOnly(model, ['a', 'b']);
    const expected = await train(model, 3);
    for (let i = 0; i < 2; i++) {
      await optimizer.setWeights(state);
      weightsOf(model).forEach((w, k) => w.write(weights[k] as tf.Tensor));
      expect(await train(model, 3)).toEqual(expected);
    }
    tf.dispose([weights, state.map(({ tensor }) => tensor)]);
  });

  test('it fits a model of other names by position', async () => {
    for (const [from, to] of [
      [
        ['a', 'b'],
        ['c', 'd'],
      ],
      // One name is the same, but of another layer.
      [
        ['l_1', 'l_2'],
        ['l_2', 'l_3'],
      ],
    ] as const) {
      const [model, other] = [compile(dense(from)), compile(dense(to))];
      await train(model, 3);
      other.setWeights(model.getWeights());
      await other.optimizer.setWeights(await model.optimizer.getWeights());
      expect(await train(other, 3)).toEqual(await train(model, 3));
    }
  });

  test('variables without names count by position, others by name in any order', () => {
    const run = async (names: (string | undefined)[], reversed: boolean) => {
      const make = () =>
        names.map((n, i) => tf.tidy(() => tf.variable(tf.fill([2], i + 1), true, n)));
      const step = (optimizer: AdamW, list: tf.Variable[]) =>
        optimizer.minimize(() => tf.sum(tf.square(tf.stack(list))), false, list);
      const [first, second] = [new AdamW(), new AdamW()];
      const before = make();
      for (let i = 0; i < 3; i++) step(first, before);
      await second.setWeights(await first.getWeights());
      const values = before.map((v) => tf.clone(v));
      step(first, before);
      const expected = before.map((v) => [...v.dataSync()]);
      tf.dispose(before);
      const after = make();
      after.forEach((v, i) => v.assign(values[i] as tf.Tensor));
      step(second, reversed ? [...after].reverse() : after);
      expect(after.map((v) => [...v.dataSync()])).toEqual(expected);
      tf.dispose([after, values]);
      first.dispose();
      second.dispose();
    };
    return expectNoLeak(async () => {
      await run([undefined, undefined], false);
      await run(['w_1', 'w_2'], false);
      await run(['w_1', 'w_2'], true);
    });
  });

  test('an optimizer goes on with a model that takes the place of one that is gone', async () => {
    const [model, twin] = [dense(['a', 'b']), compile(dense(['a', 'b']))];
    const optimizer = compile(model).optimizer;
    await train(model, 2);
    await train(twin, 2);
    const next = dense(['a', 'b']);
    next.setWeights(model.getWeights());
    compile(model, tf.train.sgd(1));
    free(model);
    compile(next, optimizer);
    expect(await train(next, 2)).toEqual(await train(twin, 2));
    // What does not fit is freed with the weights that it belonged to.
    compile(next, tf.train.sgd(1));
    free(next);
    const other = own(tf.sequential({ layers: [tf.layers.dense({ units: 3, inputShape: [5] })] }));
    compile(other, optimizer);
    await train(other, 1);
    expect((await optimizer.getWeights()).length).toBe(6);
  });

  test('what fits no weight is refused in the next step, and nothing changes', async () => {
    const [model, other] = [compile(dense(['a', 'b'])), compile(nested())];
    await train(model, 2);
    await train(other, 2);
    const before = valuesOf(other);
    await other.optimizer.setWeights(await model.optimizer.getWeights());
    const refused = /3 of 4 saved states fit no weight: 'a\/kernel_?\d*' \[3, 3\]/;
    await expect(train(other, 1)).rejects.toThrow(refused);
    await expect(train(other, 1)).rejects.toThrow('begin anew');
    expect(valuesOf(other)).toEqual(before);
    // It is still there, and still that of its own model.
    other.optimizer.dispose();
    compile(other);
    await train(other, 1);
  });

  test('names and order that contradict each other are refused', async () => {
    const model = compile(dense(['a', 'b']));
    trainOnly(model, ['a']);
    await train(model, 1);
    const state = await model.optimizer.getWeights();
    const optimizer = new AdamW();
    await optimizer.setWeights(state);
    compile(model, optimizer);
    trainOnly(model, ['b']);
    await expect(train(model, 1)).rejects.toThrow('is not clear from their names and order');
    trainOnly(model, ['a']);
    await train(model, 1);
    trainOnly(model, ['b']);
    await train(model, 1);
  });

  test('what is no state is refused at once, and nothing changes', async () => {
    const [model, twin] = [compile(dense(['a'])), compile(dense(['a']))];
    await train(model, 2);
    await train(twin, 2);
    const optimizer = model.optimizer as AdamW;
    const good = await optimizer.getWeights();
    const [iter, m, v] = good as [NamedTensor, NamedTensor, NamedTensor];
    const bad: [NamedTensor[], string][] = [
      [[], "no 'iter'"],
      [[m, v], "no 'iter'"],
      [[iter, m], `'${m.name}' is given without`],
      [[iter, v], `'${v.name}' is given without`],
      [[...good, m], `'${m.name}' is given twice`],
      [[...good, { ...m, name: 'x' }], "'x' is not the state of an AdamW"],
      [[iter, m, { ...v, tensor: iter.tensor }], 'expected the weight'],
      [[{ name: 'iter', tensor: tf.scalar(-1) }, m, v], 'iter is -1'],
      [
        [...good.slice(0, -1), { name: 'RevColAdamW/steps', tensor: tf.tensor1d([1, 2, 3]) }],
        'expected a count for each of 2 weights',
      ],
      [
        [iter, ...['m', 'v'].map((k) => ({ name: `a/${k}`, tensor: tf.scalar(1, 'int32') }))],
        "the state of 'a' is int32",
      ],
    ];
    for (const [state, message] of bad) {
      await expect(expectNoLeak(() => optimizer.setWeights(state))).rejects.toThrow(message);
    }
    expect(await train(model, 2)).toEqual(await train(twin, 2));
  });

  test("Adam's own state is taken as well", async () => {
    const [model, twin] = [dense(['a', 'b']), dense(['a', 'b'])];
    compile(model, tf.train.adam(0.05));
    compile(twin, { weightDecay: 0 });
    await train(model, 3);
    await train(twin, 3);
    const adam = model.optimizer;
    const optimizer = new AdamW({ learningRate: 0.05, weightDecay: 0, epsilon: 1e-8 });
    await optimizer.setWeights(await adam.getWeights());
    compile(model, optimizer);
    const [got, expected] = [await train(model, 3), await train(twin, 3)];
    got.flat().forEach((value, i) => expect(value).toBeCloseTo(expected.flat()[i] as number, 4));
    adam.dispose();
  });
});
