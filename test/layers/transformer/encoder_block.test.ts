import * as tf from '@tensorflow/tfjs';
import * as fc from 'fast-check';

import { TransformerEncoderBlock, type TransformerEncoderBlockArgs } from 'tfjs-revcol';
import type { LevelContext } from '../../../src/ops/reversible/level_function';
import { describeBackends, expectClose, expectNoLeak } from '../../support/backends';
import { runs } from '../../support/runs';
import { normalTensor, randomizeWeights } from '../../support/training_step';

interface Case {
  args: TransformerEncoderBlockArgs;
  batch: number;
  time: number;
  masked: boolean;
  training: boolean;
  seed: number;
}

const WIDTH = 8;

const CASES: fc.Arbitrary<Case> = fc.record({
  args: fc.record({
    numHeads: fc.constantFrom(1, 2, 4),
    norm: fc.constantFrom('pre' as const, 'post' as const),
    attention: fc.constantFrom('dot' as const, 'cosine' as const),
    useCausalMask: fc.boolean(),
    dropout: fc.constantFrom(0, 0.2),
    attentionDropout: fc.constantFrom(0, 0.2),
    dropRate: fc.constantFrom(0, 0.4),
    chunkSize: fc.option(fc.integer({ min: 1, max: 5 })),
    intermediateDim: fc.constantFrom(6, 32),
  }),
  batch: fc.integer({ min: 1, max: 3 }),
  time: fc.integer({ min: 1, max: 6 }),
  masked: fc.boolean(),
  training: fc.boolean(),
  seed: fc.integer({ min: 0, max: 1000 }),
});

/** A built block with weights far from their initial ones. */
function makeBlock(args: TransformerEncoderBlockArgs, seed = 1): TransformerEncoderBlock {
  const block = new TransformerEncoderBlock(args);
  block.apply(tf.zeros([1, 1, WIDTH]));
  randomizeWeights(block.weights, seed);
  return block;
}

function contextOf(c: Case): LevelContext {
  const visible = tf.tensor2d(
    Array.from({ length: c.batch * c.time }, (_, i) => Number(i % c.time <= (c.seed + i) % 5)),
    [c.batch, c.time],
  );
  return { training: c.training, seed: c.seed, mask: c.masked ? visible : undefined };
}

describeBackends('transformer encoder block', (backend) => {
  const numRuns = runs(backend === 'cpu' ? 8 : 20);

  test('hand-written gradients equal those of the recorded operations', async () => {
    await expectNoLeak(() =>
      fc.assert(
        fc.property(CASES, (c) =>
          tf.tidy(() => {
            const block = makeBlock(c.args, c.seed);
            const fn = block.levelFunction(true);
            const context = contextOf(c);
            const x = normalTensor([c.batch, c.time, WIDTH], c.seed + 50);
            const dy = normalTensor([c.batch, c.time, WIDTH], c.seed + 51);
            const { value, grads } = tf
              .engine()
              .gradients(() => fn.forward([x], context), [x, ...fn.weights], dy, true);
            const { output, pullback } = fn.linearize([x], context);
            const { dInputs, dWeights } = pullback(dy);
            const size = tf.norm(dy).dataSync()[0] as number;
            const close = (got: tf.Tensor, expected: tf.Tensor | null, what: string) => {
              expect(got.shape).toEqual(expected?.shape ?? got.shape);
              const difference = expected ? tf.sub(got, expected) : got;
              const error = tf.norm(difference).dataSync()[0] as number;
              const scale = Math.max(
                size,
                expected ? (tf.norm(expected).dataSync()[0] as number) : 0,
              );
              if (!(error / scale < 1e-5)) throw new Error(`${what}: ${error} of ${scale}`);
            };
            expectClose(output, value, 3e-6, 'output');
            close(dInputs[0] as tf.Tensor, grads[0] as tf.Tensor, 'input');
            dWeights.forEach((d, i) => {
              const name = block.weights[i]?.originalName ?? '';
              close(d, (grads[i + 1] as tf.Tensor | undefined) ?? null, name);
            });
            expect(dWeights.length).toBe(block.weights.length);
            block.dispose();
          }),
        ),
        { numRuns, seed: 11 },
      ),
    );
  });

  test('frees what it makes', async () => {
    const block = makeBlock({ numHeads: 2, dropout: 0.1, dropRate: 0.3, attention: 'cosine' });
    const x = normalTensor([2, 5, WIDTH], 3);
    const context: LevelContext = { training: true, seed: 5 };
    for (const trainable of [true, false]) {
      const fn = block.levelFunction(trainable);
      await expectNoLeak(() => fn.forward([x], context).dispose());
      await expectNoLeak(() => {
        const { output, pullback } = fn.linearize([x], context);
        const { dInputs, dWeights } = pullback(x);
        expect(dWeights.length).toBe(trainable ? block.weights.length : 0);
        tf.dispose([output, dInputs, dWeights]);
      });
    }
    await expectNoLeak(() => (block.apply(x) as tf.Tensor).dispose());
    block.dispose();
    x.dispose();
  });

  test('a dropped sample passes unchanged', () => {
    tf.tidy(() => {
      const block = makeBlock({ numHeads: 2, dropRate: 0.5 });
      const x = normalTensor([16, 3, WIDTH], 3);
      const y = block.levelFunction(true).forward([x], { training: true, seed: 1 });
      const moved = tf.max(tf.abs(tf.sub(x, y)), [1, 2]).dataSync();
      const dropped = moved.filter((m) => m === 0).length;
      expect(dropped).toBeGreaterThan(2);
      expect(dropped).toBeLessThan(14);
      block.dispose();
    });
  });

  test('causal: no output depends on a later token, forward and backward', () => {
    fc.assert(
      fc.property(
        fc.constantFrom('pre' as const, 'post' as const),
        fc.constantFrom('dot' as const, 'cosine' as const),
        fc.option(fc.integer({ min: 1, max: 4 })),
        fc.integer({ min: 0, max: 5 }),
        (norm, attention, chunkSize, t) =>
          tf.tidy(() => {
            const block = makeBlock({
              numHeads: 2,
              norm,
              attention,
              chunkSize,
              useCausalMask: true,
            });
            const [x, other] = [normalTensor([2, 6, WIDTH], 1), normalTensor([2, 6, WIDTH], 2)];
            const head = (y: tf.Tensor) => tf.slice(y, [0, 0, 0], [2, t + 1, WIDTH]);
            const rest = tf.slice(other, [0, t + 1, 0], [2, 5 - t, WIDTH]);
            const changed = t === 5 ? x : tf.concat([head(x), rest], 1);
            const outputs = [x, changed].map((input) => head(block.apply(input) as tf.Tensor));
            expect(outputs[0]?.dataSync()).toEqual(outputs[1]?.dataSync());
            // Gradient of outputs up to t: exactly 0 for tokens after t, by hand and by tape.
            const dy = tf.concat([head(other), tf.zeros([2, 5 - t, WIDTH])], 1);
            const byTape = tf.grad((u: tf.Tensor) =>
              tf.sum(tf.mul(block.apply(u) as tf.Tensor, dy)),
            )(x);
            const byHand = block
              .levelFunction(true)
              .linearize([x], { training: false, seed: 1 })
              .pullback(dy).dInputs[0] as tf.Tensor;
            for (const dx of [byTape, byHand]) {
              if (t < 5) {
                const later = tf.slice(dx, [0, t + 1, 0], [2, 5 - t, WIDTH]);
                expect(tf.max(tf.abs(later)).dataSync()[0]).toBe(0);
              }
              expect(tf.max(tf.abs(head(dx))).dataSync()[0]).toBeGreaterThan(0);
            }
            block.dispose();
          }),
      ),
      { numRuns: 12, seed: 5 },
    );
  });

  test('hidden tokens change no other token', () => {
    tf.tidy(() => {
      const block = makeBlock({ numHeads: 2 });
      const mask = tf.tensor2d([1, 1, 0, 1, 0], [1, 5], 'bool');
      const [x, other] = [normalTensor([1, 5, WIDTH], 1), normalTensor([1, 5, WIDTH], 2)];
      const hidden = tf.reshape(tf.sub(1, tf.cast(mask, 'float32')), [1, 5, 1]);
      const changed = tf.add(x, tf.mul(other, hidden));
      const outputs = [x, changed].map((input) =>
        tf.mul(tf.abs(block.apply(input, { mask }) as tf.Tensor), tf.sub(1, hidden)).dataSync(),
      );
      expect(outputs[0]).toEqual(outputs[1]);
      block.dispose();
    });
  });
});

describe('arguments', () => {
  test.each<[Partial<TransformerEncoderBlockArgs>, string]>([
    [{ numHeads: 0 }, 'numHeads is 0; expected an integer of at least 1'],
    [{ dropout: 1 }, 'dropout is 1'],
    [{ attentionDropout: -1 }, 'attentionDropout is -1'],
    [{ dropRate: 2 }, 'dropRate is 2'],
    [{ norm: 'both' as 'pre' }, `norm is "both"; expected one of 'pre', 'post'`],
    [{ attention: 'linear' as 'dot' }, `attention is "linear"`],
    [{ chunkSize: 0 }, 'chunkSize is 0'],
    [{ intermediateDim: 1.5 }, 'intermediateDim is 1.5'],
  ])('%j is refused', (args, message) => {
    expect(() => new TransformerEncoderBlock({ numHeads: 2, ...args })).toThrow(message);
  });

  test('a width that does not divide, an image and an ill-fitting mask are refused', async () => {
    await expectNoLeak(() => {
      const block = new TransformerEncoderBlock({ numHeads: 3 });
      expect(() => block.apply(tf.input({ shape: [4, 8] }))).toThrow(
        'width 8 does not divide by 3 heads',
      );
      expect(() => block.apply(tf.input({ shape: [4, 4, 9] }))).toThrow('[batch, time, width]');
    });
    tf.tidy(() => {
      const block = makeBlock({ numHeads: 2 });
      const x = tf.zeros([2, 3, WIDTH]);
      expect(() => block.apply(x, { mask: tf.ones([2, 4]) })).toThrow('mask of shape [2, 4]');
      block.dispose();
    });
  });

  test('the configuration makes the same block', () => {
    const args: TransformerEncoderBlockArgs = {
      name: 'a',
      numHeads: 2,
      keyDim: 3,
      intermediateDim: 5,
      useCausalMask: true,
      attention: 'cosine',
      chunkSize: 7,
      initializerRange: 0.1,
      norm: 'post',
      dropout: 0.1,
      attentionDropout: 0.2,
      dropRate: 0.3,
      layerNormEpsilon: 1e-5,
    };
    const config = new TransformerEncoderBlock(args).getConfig();
    expect(config).toMatchObject(args);
    expect(new TransformerEncoderBlock(config as never).getConfig()).toEqual(config);
  });
});
