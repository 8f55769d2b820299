/** RevColBackbone, ReversibleColumn and LevelFusion in the places where users put layers. */
import * as tf from '@tensorflow/tfjs';
import * as fc from 'fast-check';

import { layers, RevColBackbone, type RevColBackboneArgs } from 'tfjs-revcol';
import { tidyAll } from '../../../src/ops/engine/tensors';
import { BACKENDS, describeBackends, expectClose, expectNoLeak } from '../../support/backends';
import { runs } from '../../support/runs';
import {
  normalTensor,
  projectedLoss,
  randomizeWeights,
  takeStep,
} from '../../support/training_step';

const SMALL: RevColBackboneArgs = { columns: 3, channels: [4, 6], depths: [1, 1], patchSize: 2 };
const IMAGE: [number, number, number] = [6, 8, 3];

function flatShapes(outputs: tf.Tensor | tf.Tensor[]): number[][] {
  return (Array.isArray(outputs) ? outputs : [outputs]).map((y) => y.shape);
}

describeBackends('a backbone', (backend) => {
  test('in tf.sequential trains by fit, without a leak', async () => {
    const model = tf.sequential({
      layers: [
        layers.revColBackbone({ ...SMALL, inputShape: IMAGE }),
        layers.revColHead({ units: 2 }),
      ],
    });
    expect(model.outputs[0]?.shape).toEqual([null, 2]);
    model.compile({
      optimizer: tf.train.adam(0.02),
      loss: (labels, logits) => tf.losses.softmaxCrossEntropy(labels, logits),
    });
    randomizeWeights(model.weights, 5);
    const x = normalTensor([8, ...IMAGE], 1);
    const y = tf.oneHot(tf.tensor1d([0, 1, 0, 1, 1, 0, 0, 1], 'int32'), 2);
    await model.fit(x, y, { epochs: 1, verbose: 0 });
    const losses = await expectNoLeak(async () => {
      const { history } = await model.fit(x, y, { epochs: 12, batchSize: 8, verbose: 0 });
      return history.loss as number[];
    });
    expect(losses.at(-1)).toBeLessThan(0.3 * (losses[0] as number));
    tf.dispose([x, y]);
    model.dispose();
  });

  test.each<[RevColBackboneArgs['output'], number[][]]>([
    ['last', [[2, 1, 2, 6]]],
    [
      'pyramid',
      [
        [2, 3, 4, 4],
        [2, 1, 2, 6],
      ],
    ],
    [
      'columns',
      [
        [2, 1, 2, 6],
        [2, 1, 2, 6],
        [2, 1, 2, 6],
      ],
    ],
    [
      [0, 2],
      [
        [2, 1, 2, 6],
        [2, 1, 2, 6],
      ],
    ],
    [[1], [[2, 1, 2, 6]]],
  ])('in tf.model with output %j gives shapes %j', async (output, expected) => {
    await expectNoLeak(() => {
      const image = tf.input({ shape: IMAGE });
      const backbone = layers.revColBackbone({ ...SMALL, output });
      const outputs = backbone.apply(image) as tf.SymbolicTensor | tf.SymbolicTensor[];
      const model = tf.model({ inputs: image, outputs });
      tf.tidy(() => {
        const x = normalTensor([2, ...IMAGE], 1);
        const predicted = model.predict(x) as tf.Tensor | tf.Tensor[];
        expect(flatShapes(predicted)).toEqual(expected);
        const symbolic = (Array.isArray(outputs) ? outputs : [outputs]).map((o) => o.shape);
        expect(symbolic.map((shape) => shape.slice(1))).toEqual(expected.map((s) => s.slice(1)));
      });
      model.dispose();
    });
  });

  test('every output mode reads the same features', async () => {
    await expectNoLeak(() =>
      tf.tidy(() => {
        const x = normalTensor([2, ...IMAGE], 3);
        const features = (output: RevColBackboneArgs['output']) => {
          const backbone = layers.revColBackbone({ ...SMALL, name: 'b', output });
          backbone.apply(x);
          randomizeWeights(backbone.weights, 8);
          const result = backbone.apply(x) as tf.Tensor | tf.Tensor[];
          backbone.dispose();
          return Array.isArray(result) ? result : [result];
        };
        const [last] = features('last') as [tf.Tensor];
        const columns = features('columns');
        expectClose(features('pyramid')[1] as tf.Tensor, last, 1e-6);
        expectClose(columns[2] as tf.Tensor, last, 1e-6);
        expectClose(features([1])[0] as tf.Tensor, columns[1] as tf.Tensor, 1e-6);
        expect(() => expectClose(columns[0] as tf.Tensor, last, 1e-2)).toThrow('relative error');
      }),
    );
  });

  test('several in one model have weights and gradients of their own', async () => {
    await expectNoLeak(() => {
      const image = tf.input({ shape: IMAGE });
      const both = ['left', 'right'].map((name) => layers.revColBackbone({ ...SMALL, name }));
      const features = both.map((b) => b.apply(image) as tf.SymbolicTensor);
      const model = tf.model({
        inputs: image,
        outputs: tf.layers.add().apply(features) as tf.SymbolicTensor,
      });
      randomizeWeights(model.weights, 4);
      const x = normalTensor([2, ...IMAGE], 2);
      const step = takeStep(
        () => projectedLoss(model.apply(x, { training: true }) as tf.Tensor),
        model.trainableWeights,
        x,
      );
      x.dispose();
      const names = model.weights.map((w) => w.originalName);
      expect(new Set(names).size).toBe(names.length);
      const of = (side: string) => [...step.gradients].filter(([name]) => name.startsWith(side));
      expect(of('left/').length).toBe(of('right/').length);
      for (const [name, gradient] of of('left/')) {
        const other = step.gradients.get(name.replace('left/', 'right/')) as Float32Array;
        expect(other).not.toEqual(gradient);
      }
      model.dispose();
    });
  });

  test('one applied twice in a model sums the gradients of both uses', async () => {
    await expectNoLeak(() =>
      tf.tidy(() => {
        const shared = layers.revColBackbone({ ...SMALL, name: 'shared' });
        const [a, b] = [normalTensor([2, ...IMAGE], 1), normalTensor([1, ...IMAGE], 2)];
        shared.apply(a);
        randomizeWeights(shared.weights, 6);
        const loss = (...inputs: tf.Tensor[]) =>
          takeStep(
            () => tf.addN(inputs.map((x) => projectedLoss(shared.apply(x) as tf.Tensor))),
            shared.trainableWeights,
          );
        const [first, second, together] = [loss(a), loss(b), loss(a, b)];
        for (const [name, gradient] of together.gradients) {
          const [ga, gb] = [first, second].map((s) => s.gradients.get(name) as Float32Array);
          const sum = (ga as Float32Array).map((v, i) => v + (gb?.[i] as number));
          expectClose(gradient, sum, 1e-5, name);
        }
        shared.dispose();
      }),
    );
  });

  test('optimizer.minimize and tf.variableGrads reach every trainable weight', async () => {
    await expectNoLeak(() =>
      tf.tidy(() => {
        const backbone = layers.revColBackbone({ ...SMALL, output: 'pyramid' });
        const x = normalTensor([2, ...IMAGE], 1);
        const loss = () => projectedLoss(backbone.apply(x, { training: true }) as tf.Tensor[]);
        loss();
        randomizeWeights(backbone.weights, 9);
        const { grads } = tf.variableGrads(() => loss().asScalar());
        const variables = backbone.trainableWeights.map((w) => w.read() as tf.Variable);
        expect(Object.keys(grads).sort()).toEqual(variables.map((v) => v.name).sort());
        const before = variables.map((v) => Float32Array.from(v.dataSync()));
        const optimizer = tf.train.sgd(0.1);
        optimizer.minimize(() => loss().asScalar(), false, variables);
        optimizer.dispose();
        variables.forEach((v, i) => {
          const moved = tf.add(v, tf.mul(grads[v.name] as tf.Tensor, 0.1));
          expectClose(moved, tf.tensor(before[i] as Float32Array, v.shape), 1e-5, v.name);
        });
        backbone.dispose();
      }),
    );
  });

  test('an input of unknown height and width takes any size', async () => {
    await expectNoLeak(() => {
      const image = tf.input({ shape: [null, null, 3] });
      const output = layers.revColBackbone(SMALL).apply(image) as tf.SymbolicTensor;
      expect(output.shape).toEqual([null, null, null, 6]);
      const model = tf.model({ inputs: image, outputs: output });
      tf.tidy(() => {
        for (const [h, w] of [
          [4, 4],
          [9, 5],
        ]) {
          const y = model.predict(normalTensor([1, h as number, w as number, 3], 1)) as tf.Tensor;
          expect(y.shape).toEqual([1, Math.floor((h as number) / 4), 1, 6]);
        }
      });
      model.dispose();
    });
  });

  const samples = runs(backend === BACKENDS[0] ? 8 : 4);
  test('any columns, levels, channels, depths, kernels, patches and sizes', async () => {
    const property = fc.asyncProperty(
      fc.record({
        columns: fc.integer({ min: 1, max: 5 }),
        levels: fc.array(
          fc.record({
            channels: fc.integer({ min: 1, max: 9 }),
            depth: fc.integer({ min: 0, max: 2 }),
          }),
          { minLength: 2, maxLength: 5 },
        ),
        kernelSize: fc.integer({ min: 1, max: 9 }),
        patchSize: fc.integer({ min: 1, max: 3 }),
        excess: fc.tuple(fc.nat({ max: 9 }), fc.nat({ max: 9 })),
        inputChannels: fc.integer({ min: 1, max: 4 }),
        topFusion: fc.boolean(),
      }),
      async ({ levels, excess, inputChannels, ...rest }) => {
        await expectNoLeak(() =>
          tidyAll(() => {
            const least = rest.patchSize * 2 ** (levels.length - 1);
            const [height, width] = [least + excess[0], least + excess[1]];
            const channels = levels.map((l) => l.channels);
            const depths = levels.map((l) => l.depth);
            const backbone = new RevColBackbone({ ...rest, channels, depths, output: 'pyramid' });
            const shape = [1, height, width, inputChannels];
            const x = normalTensor(shape, 1);
            const y = backbone.apply(x) as tf.Tensor[];
            expect(y.map((t) => t.shape)).toEqual(backbone.computeOutputShape(shape));
            y.forEach((t, l) => {
              const size = [height, width].map((d) =>
                Math.floor(Math.floor(d / rest.patchSize) / 2 ** l),
              );
              expect(t.shape).toEqual([1, ...size, channels[l]]);
              expect(t.dataSync().every(Number.isFinite)).toBe(true);
            });
            backbone.dispose();
          }),
        );
      },
    );
    await fc.assert(property, { numRuns: samples, seed: 20240 });
  });
});

describeBackends('a column and a fusion alone', () => {
  test('columns applied one after another are the backbone', async () => {
    await expectNoLeak(() =>
      tf.tidy(() => {
        const { columns = 0, channels, depths } = SMALL;
        const backbone = layers.revColBackbone({ ...SMALL, name: 'b', output: 'pyramid' });
        const x = normalTensor([2, ...IMAGE], 3);
        backbone.apply(x);
        randomizeWeights(backbone.weights, 8);
        const stem = backbone.stem.apply(x) as tf.Tensor;
        const single = Array.from({ length: columns }, () =>
          layers.reversibleColumn({ channels, depths }),
        );
        let features: tf.Tensor[] = [];
        single.forEach((column, i) => {
          column.apply([stem, ...features]);
          column.setWeights((backbone.columnLayers[i] as tf.layers.Layer).getWeights());
          features = column.apply([stem, ...features]) as tf.Tensor[];
        });
        const expected = backbone.apply(x) as tf.Tensor[];
        expected.forEach((level, l) => expectClose(features[l] as tf.Tensor, level, 1e-5));
        tf.dispose(expected);
        [...single, backbone].forEach((layer) => layer.dispose());
      }),
    );
  });

  test('a column in tf.model trains, and its inverse recovers what it was given', async () => {
    await expectNoLeak(() =>
      tf.tidy(() => {
        const shapes = [
          [4, 6, 4],
          [4, 6, 4],
          [2, 3, 6],
        ];
        const column = layers.reversibleColumn({ channels: [4, 6], depths: [2, 1] });
        const inputs = shapes.map((shape) => tf.input({ shape }));
        const model = tf.model({ inputs, outputs: column.apply(inputs) as tf.SymbolicTensor[] });
        randomizeWeights(model.weights, 3);
        const xs = shapes.map((shape, i) => normalTensor([2, ...shape], i));
        const step = takeStep(
          () => projectedLoss(model.apply(xs, { training: true }) as tf.Tensor[]),
          model.trainableWeights,
          xs[1],
        );
        expect(step.gradients.size).toBe(model.trainableWeights.length);
        expect(Math.hypot(...(step.input as Float32Array))).toBeGreaterThan(0);
        const [stem, ...previous] = xs as [tf.Tensor, ...tf.Tensor[]];
        const recovered = column.inverse([stem, ...(model.predict(xs) as tf.Tensor[])]);
        previous.forEach((p, l) => expectClose(recovered[l] as tf.Tensor, p, 1e-5, `level ${l}`));
        model.dispose();
      }),
    );
  });

  test.each([
    ['level 0 alone', 0, [[5, 7, 4]], [5, 7, 4]],
    [
      'level 0 with an upper level',
      0,
      [
        [5, 7, 4],
        [2, 3, 6],
      ],
      [5, 7, 4],
    ],
    [
      'level 0 of Huge',
      0,
      [
        [8, 8, 4],
        [4, 4, 6],
        [1, 1, 9],
      ],
      [8, 8, 4],
    ],
    ['level 1 alone', 1, [[5, 7, 4]], [2, 3, 6]],
    [
      'level 1 with an upper level',
      1,
      [
        [8, 9, 4],
        [2, 2, 9],
      ],
      [4, 4, 6],
    ],
  ])('a fusion: %s', async (_, level, shapes, expected) => {
    await expectNoLeak(() =>
      tf.tidy(() => {
        const filters = expected.at(-1) as number;
        const fusion = layers.levelFusion({ level, filters });
        const inputs = shapes.map((shape) => tf.input({ shape }));
        const one = inputs.length === 1 ? (inputs[0] as tf.SymbolicTensor) : inputs;
        const output = fusion.apply(one) as tf.SymbolicTensor;
        expect(output.shape.slice(1)).toEqual(expected);
        const model = tf.model({ inputs, outputs: output });
        randomizeWeights(model.weights, 3);
        const xs = shapes.map((shape, i) => normalTensor([2, ...shape], i));
        expect((model.predict(xs) as tf.Tensor).shape).toEqual([2, ...expected]);
        const step = takeStep(
          () => projectedLoss(model.apply(xs, { training: true }) as tf.Tensor),
          model.trainableWeights,
          xs.at(-1),
        );
        expect(step.gradients.size).toBe(model.trainableWeights.length);
        expect(Math.hypot(...(step.input as Float32Array))).toBeGreaterThan(0);
        model.dispose();
      }),
    );
  });
});
