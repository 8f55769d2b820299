/** Layers of several outputs run once in a model, whoever runs it. */
import * as tf from '@tensorflow/tfjs';

import { layers } from 'tfjs-revcol';
import { describeBackends, expectClose, expectNoLeak } from '../support/backends';

const SIDE = 16;

/** A backbone with two levels as outputs. */
function pyramid(dropPathRate = 0) {
  const image = tf.input({ shape: [SIDE, SIDE, 3] });
  const backbone = layers.revColBackbone({
    columns: 2,
    channels: [4, 8],
    depths: [1, 1],
    output: 'pyramid',
    dropPathRate,
  });
  const levels = backbone.apply(image) as tf.SymbolicTensor[];
  // Layer scales begin at 1e-6, of which nothing that is left out would be seen.
  for (const weight of backbone.weights) {
    if (!/layer_scale$/.test(weight.originalName)) continue;
    tf.tidy(() => (weight.read() as tf.Variable).assign(tf.ones(weight.shape as number[])));
  }
  return { image, backbone, levels };
}

/** Its levels, of which one is also given to a layer behind it, and a neck of three. */
function network(dropPathRate = 0) {
  const { image, backbone, levels } = pyramid(dropPathRate);
  const neck = layers.fpn({ filters: 4, outputs: 3 });
  const maps = neck.apply(levels) as tf.SymbolicTensor[];
  const same = tf.layers.activation({ activation: 'linear' }).apply(levels[0] as tf.SymbolicTensor);
  const outputs = [...levels, same as tf.SymbolicTensor, ...maps];
  return { model: tf.model({ inputs: image, outputs }), backbone, neck };
}

const images = (count = 2) => tf.randomUniform([count, SIDE, SIDE, 3], -1, 1, 'float32', 1);

describeBackends('layers of several outputs', () => {
  it('run once in apply, predict, evaluate and fit', async () => {
    const { model, backbone, neck } = network();
    const spies = [backbone, neck].map((layer) => jest.spyOn(layer, 'call'));
    const callsIn = async (run: () => unknown) => {
      spies.forEach((spy) => spy.mockClear());
      tf.dispose((await run()) as tf.Tensor[]);
      return spies.map((spy) => spy.mock.calls.length);
    };
    const x = images();
    const ys = tf.tidy(() => (model.predict(x) as tf.Tensor[]).map((y) => tf.zerosLike(y)));
    const loss = (y: tf.Tensor, z: tf.Tensor) => tf.mean(tf.squaredDifference(y, z));
    model.compile({ optimizer: tf.train.sgd(0.01), loss });
    expect(await callsIn(() => model.apply(x))).toEqual([1, 1]);
    expect(await callsIn(() => model.apply(x, { training: true }))).toEqual([1, 1]);
    expect(await callsIn(() => model.predict(x, { batchSize: 1 }))).toEqual([2, 2]);
    expect(await callsIn(() => model.evaluate(x, ys))).toEqual([1, 1]);
    expect(await callsIn(() => model.trainOnBatch(x, ys))).toEqual([1, 1]);
    tf.dispose([x, ...ys]);
    model.dispose();
  });

  it('give all that use an output the values of one run, with what it has left out', async () => {
    const { model, backbone } = network(0.9);
    const x = images(8);
    await expectNoLeak(() => {
      const outputs = model.apply(x, { training: true }) as tf.Tensor[];
      expectClose(outputs[2] as tf.Tensor, outputs[0] as tf.Tensor, 0);
      tf.dispose(outputs);
    });
    // By itself, in inference, the layer gives what the model gives.
    await expectNoLeak(() => {
      const [own, outputs] = [backbone.apply(x), model.predict(x)] as tf.Tensor[][];
      own?.forEach((y, i) => expectClose(outputs?.[i] as tf.Tensor, y, 1e-6));
      tf.dispose([...(own ?? []), ...(outputs ?? [])]);
    });
    x.dispose();
    model.dispose();
  });

  it('run again for whoever calls them, and for another execution', () => {
    const { model, backbone } = network();
    const x = images();
    tf.tidy(() => {
      const [before, again] = [model.apply(x), model.apply(x)] as tf.Tensor[][];
      expect(before?.some((y) => again?.includes(y))).toBe(false);
      const [own, other] = [backbone.apply(x), backbone.apply(x)] as tf.Tensor[][];
      expect(own?.some((y) => other?.includes(y))).toBe(false);
      for (const weight of backbone.weights) {
        (weight.read() as tf.Variable).assign(tf.mul(weight.read(), 1.5));
      }
      const after = model.apply(x) as tf.Tensor[];
      (backbone.apply(x) as tf.Tensor[]).forEach((y, i) => {
        expectClose(after[i] as tf.Tensor, y, 1e-6);
      });
      const apart = tf.max(tf.abs(tf.sub(after[0] as tf.Tensor, before?.[0] as tf.Tensor)));
      expect(apart.dataSync()[0]).toBeGreaterThan(1e-3);
    });
    x.dispose();
    model.dispose();
  });

  it('run for each place that they have in a model', () => {
    const { backbone } = network();
    const inputs = [tf.input({ shape: [SIDE, SIDE, 3] }), tf.input({ shape: [SIDE, SIDE, 3] })];
    const outputs = inputs.flatMap((input) => backbone.apply(input) as tf.SymbolicTensor[]);
    const model = tf.model({ inputs, outputs });
    const call = jest.spyOn(backbone, 'call');
    tf.tidy(() => {
      const [x, y] = [images(), tf.ones([2, SIDE, SIDE, 3])];
      const got = model.apply([x, y]) as tf.Tensor[];
      expect(call).toHaveBeenCalledTimes(2);
      const expected = [x, y].flatMap((one) => backbone.apply(one) as tf.Tensor[]);
      expected.forEach((one, i) => expectClose(got[i] as tf.Tensor, one, 1e-6));
    });
    model.dispose();
  });

  it('give nobody what was not made for them: other weights, other modes, what was disposed', () => {
    const { image, backbone, levels } = pyramid(0.9);
    const pooled = levels.map(
      (level) => tf.layers.globalAveragePooling2d({}).apply(level) as tf.SymbolicTensor,
    );
    const [low, high] = pooled as [tf.SymbolicTensor, tf.SymbolicTensor];
    const model = tf.model({ inputs: image, outputs: [high, low] });
    const change = () => {
      for (const weight of backbone.weights) {
        (weight.read() as tf.Variable).assign(tf.add(weight.read(), 0.1));
      }
    };
    tf.tidy(() => {
      const x = images();
      const expectPredicted = (got: tf.Tensor, index: number) =>
        expectClose(got, (model.predict(x) as tf.Tensor[])[index] as tf.Tensor, 1e-6);
      // An execution without a tidy of its own.
      model.execute(x, low.name);
      change();
      expectPredicted(model.execute(x, high.name) as tf.Tensor, 0);
      model.execute(x, low.name);
      const both = model.execute(x, [high.name, low.name]) as tf.Tensor[];
      both.forEach(expectPredicted);
      // Whoever looks at a layer of a tensor, and calls it then.
      expect(levels[0]?.sourceLayer).toBe(backbone);
      const first = backbone.apply(x) as tf.Tensor[];
      tf.dispose(first);
      expect(levels[1]?.sourceLayer).toBe(backbone);
      const second = backbone.apply(x, { training: true }) as tf.Tensor[];
      expect(second.some((y) => first.includes(y) || y.isDisposed)).toBe(false);
    });
    model.dispose();
  });

  it('do not train by what another layer of the model has inferred by them', () => {
    const { image, backbone, levels } = pyramid(0.9);
    class Teacher extends tf.layers.Layer {
      static className = 'RunOnceTeacher';
      override computeOutputShape(shape: tf.Shape) {
        return (backbone.computeOutputShape(shape) as tf.Shape[])[0] as tf.Shape;
      }
      override call(inputs: tf.Tensor | tf.Tensor[]) {
        return (backbone.apply(inputs) as tf.Tensor[])[0] as tf.Tensor;
      }
    }
    const taught = new Teacher({}).apply(image) as tf.SymbolicTensor;
    const behind = levels.map(
      (level) => tf.layers.activation({ activation: 'linear' }).apply(level) as tf.SymbolicTensor,
    );
    const model = tf.model({ inputs: image, outputs: [taught, ...behind] });
    tf.tidy(() => {
      const x = images(8);
      const [teacher, student] = model.apply(x, { training: true }) as [tf.Tensor, tf.Tensor];
      const apart = tf.max(tf.abs(tf.sub(teacher, student)));
      expect(apart.dataSync()[0]).toBeGreaterThan(1e-3);
    });
    model.dispose();
  });
});
