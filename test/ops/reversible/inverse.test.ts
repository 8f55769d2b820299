import * as tf from '@tensorflow/tfjs';

import { layers, type ReversibleColumnArgs } from 'tfjs-revcol';
import { undone } from '../../../src/ops/reversible/anchors';
import { describeBackends, expectClose, expectNoLeak } from '../../support/backends';
import { normalTensor, randomizeWeights } from '../../support/training_step';

const STEM = [2, 7, 5, 4];
const PREVIOUS = [
  [2, 7, 5, 4],
  [2, 3, 2, 5],
  [2, 1, 1, 6],
];

function column(args: ReversibleColumnArgs = {}) {
  const options = { channels: [4, 5, 6], depths: [1, 0, 2], ...args };
  const layer = layers.reversibleColumn(options);
  const stem = normalTensor(STEM, 1);
  const previous = PREVIOUS.map((shape, l) => normalTensor(shape, 10 + l));
  const features = layer.apply([stem, ...previous]) as tf.Tensor[];
  randomizeWeights(layer.weights, 3);
  return { layer, stem, previous, features };
}

describeBackends('the inverse of a column', () => {
  test.each([
    ['with levels of the published kind', {}],
    ['with the connection from the top', { topFusion: true }],
    ['with blocks that drop out in training', { dropPathRate: 0.5, backprop: 'stored' as const }],
    ['with blocks of a user', { block: tf.layers.dropout({ rate: 0.5 }) }],
  ])('%s recovers the previous features', async (_, args) => {
    await expectNoLeak(() =>
      tf.tidy(() => {
        const { layer, stem, previous } = column(args);
        const features = layer.apply([stem, ...previous]) as tf.Tensor[];
        const recovered = layer.inverse([stem, ...features]);
        expect(recovered.length).toBe(3);
        recovered.forEach((r, l) => expectClose(r, previous[l] as tf.Tensor, 1e-5, `level ${l}`));
        layer.dispose();
      }),
    );
  });

  test('divides by alpha, which it clamps first', () => {
    tf.tidy(() => {
      const { layer, stem, previous } = column({ depths: [0, 0, 0] });
      const alphas = layer.weights.filter((w) => w.originalName.endsWith('alpha'));
      const features = layer.apply([stem, ...previous]) as tf.Tensor[];
      const moved = features.map((f, l) => (l === 2 ? tf.add(f, 1) : f));
      const top = alphas[2] as tf.LayerVariable;
      const [a, b] = [features, moved].map((fs) => layer.inverse([stem, ...fs])[2] as tf.Tensor);
      const slope = tf.sub(b as tf.Tensor, a as tf.Tensor);
      expectClose(slope, tf.add(tf.zerosLike(slope), tf.div(1, top.read())), 1e-5);
      top.write(tf.zeros([6]));
      const atZero = layer.inverse([stem, ...features]);
      expect([...top.read().dataSync()]).toEqual(Array(6).fill(Math.fround(1e-3)));
      expect(atZero.every((t) => t.dataSync().every(Number.isFinite))).toBe(true);
      layer.dispose();
    });
  });

  test('says what it cannot do', () => {
    tf.tidy(() => {
      const { layer, stem, features } = column();
      expect(() => layer.inverse([stem])).toThrow('inverse got 1 tensors; expected');
      expect(() => layer.inverse([...features])).toThrow('inverse got 3 tensors');
      const first = layers.reversibleColumn({ channels: [4, 5, 6], depths: [1, 0, 2] });
      expect(() => first.inverse([stem, ...features])).toThrow('has no previous column');
      first.apply(stem);
      expect(() => first.inverse([stem, ...features])).toThrow('has no previous column');
    });
  });
});

describeBackends('the way back through many columns', () => {
  const COLUMNS = 9;
  const SHAPES = [
    [2, 6, 6, 4],
    [2, 3, 3, 5],
  ];
  /** Put in, relative; far above what rounding makes of it, and small enough to pass on in proportion. */
  const ERROR = 1e-5;

  /** Norms by level of what an error in the last features has become, after one column and after all. */
  async function grown(alpha: number): Promise<[first: number[], last: number[]]> {
    const stem = normalTensor(SHAPES[0] as number[], 1);
    const columns = Array.from({ length: COLUMNS }, () =>
      layers.reversibleColumn({ channels: [4, 5], depths: [1, 1] }),
    );
    let exact: tf.Tensor[] = [];
    columns.forEach((layer, i) => {
      const inputs = i > 0 ? [stem, ...SHAPES.map((shape) => tf.zeros(shape))] : stem;
      layer.apply(inputs);
      randomizeWeights(layer.weights, 3 + 100 * i, () => alpha);
      exact = layer.apply(i > 0 ? [stem, ...exact] : stem) as tf.Tensor[];
    });
    let off = exact.map((t, l) =>
      tf.mul(t, tf.add(1, tf.mul(ERROR, normalTensor(t.shape, 77 + l)))),
    );
    const norms: number[][] = [];
    for (const layer of columns.slice(1).reverse()) {
      exact = layer.inverse([stem, ...exact]);
      off = layer.inverse([stem, ...off]);
      const differences = exact.map((t, l) => tf.norm(tf.sub(t, off[l] as tf.Tensor)));
      norms.push(await Promise.all(differences.map(async (d) => (await d.data())[0] as number)));
    }
    columns.forEach((layer) => layer.dispose());
    return [norms[0] as number[], norms.at(-1) as number[]];
  }

  // An error put in grows by what the network does, on every backend alike. With 1 / alpha = 2 it doubles per
  // column; operands pass on half of theirs besides (src/ops/reversible/anchors.ts), which makes it 4 times at
  // most: of the step [growth of level 0, of level 1], 2 [[1.5, 1], [0.5, 1]], the larger eigenvalue is 4.
  test('an error grows with every column, as 1 / alpha says', async () => {
    const before = tf.memory().numTensors;
    tf.engine().startScope();
    const [half, one] = [await grown(0.5), await grown(1)];
    tf.engine().endScope();
    expect(tf.memory().numTensors).toBe(before);
    const growth = ([first, last]: typeof half) => first.map((e, l) => (last[l] as number) / e);
    for (const each of growth(half)) {
      expect(each).toBeGreaterThan(2 ** 7);
      expect(each).toBeLessThan(4 ** 7);
    }
    // The eigenvalue for 1 / alpha = 1 is 1.64.
    for (const each of growth(one)) {
      expect(each).toBeGreaterThan(1);
      expect(each).toBeLessThan(1.64 ** 7);
    }
  });
});

describeBackends('reconstructionError', () => {
  const build = (columns: number, alpha: number) => {
    const backbone = layers.revColBackbone({
      columns,
      channels: [4, 5],
      depths: [1, 1],
      patchSize: 1,
    });
    const x = normalTensor([2, 6, 6, 2], 1);
    tf.dispose(backbone.apply(x) as tf.Tensor);
    randomizeWeights(backbone.weights, 3, () => alpha);
    const free = () => {
      backbone.dispose();
      x.dispose();
    };
    return { backbone, x, free };
  };

  /** One rounding of float32. */
  const ROUNDING = 2 ** -24;

  // Roundings differ from backend to backend and add up as chance has it: at alphas of 0.5 column 0 is off
  // by 5,000 to 18,000 times as much as column 7, whose error is smaller than any later one, because
  // its functions run on exact features and cancel to the last bit. So what bounds an error is not a multiple
  // of that but what the anchors' formula says, in roundings; how an error grows is a test of its own above.
  test('is within what the formula of the anchors says, of every column and level', async () => {
    await expectNoLeak(async () => {
      const errorsAt = async (alpha: number) => {
        const { backbone, x, free } = build(9, alpha);
        const errors = await backbone.reconstructionErrorAsync(x);
        free();
        expect(errors.map(({ column }) => column)).toEqual([0, 1, 2, 3, 4, 5, 6, 7]);
        expect(errors.every(({ levels }) => levels.length === 2)).toBe(true);
        let growth: number[] = [];
        for (const { levels } of [...errors].reverse()) {
          growth = undone(growth, [alpha, alpha]);
          levels.forEach((e, l) => expect(e).toBeLessThan((growth[l] as number) * ROUNDING));
        }
        return errors.map(({ levels }) => levels[1] as number);
      };
      const [half, one] = [await errorsAt(0.5), await errorsAt(1)];
      // Doubles per column at 0.5.
      expect(half[7]).toBeGreaterThan(0);
      expect(half[0]).toBeGreaterThan(2 ** 7 * (half[7] as number));
      expect(one[0]).toBeLessThan((half[0] as number) / 4);
    });
  });

  test('clamps the alphas as a run does, and stays finite', async () => {
    const { backbone, x, free } = build(3, 0);
    const errors = await backbone.reconstructionErrorAsync(x);
    expect(errors.flatMap(({ levels }) => levels).every(Number.isFinite)).toBe(true);
    free();
  });

  test('has nothing to tell of one column, and wants a built layer', async () => {
    const { backbone, x, free } = build(1, 0.5);
    expect(await backbone.reconstructionErrorAsync(x)).toEqual([]);
    const fresh = layers.revColBackbone({ channels: [4, 5], depths: [1, 1] });
    const message = 'apply the layer to an input';
    expect(() => fresh.reconstructionError(x)).toThrow(message);
    await expect(fresh.reconstructionErrorAsync(x)).rejects.toThrow(message);
    free();
  });
});

describeBackends(
  'reconstructionError at once',
  () => {
    test('is what it is asynchronously', async () => {
      const backbone = layers.revColBackbone({ columns: 4, channels: [4, 5], depths: [1, 1] });
      const x = normalTensor([2, 8, 8, 2], 1);
      tf.dispose(backbone.apply(x) as tf.Tensor);
      randomizeWeights(backbone.weights, 3, () => 0.5);
      await expectNoLeak(async () => {
        expect(backbone.reconstructionError(x)).toEqual(await backbone.reconstructionErrorAsync(x));
      });
      backbone.dispose();
      x.dispose();
    });
  },
  // Which pages are not to ask at once.
  { except: ['webgl', 'webgpu'] },
);
