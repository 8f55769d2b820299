/** Random little programs, some of whose parts are checkpointed, against plain automatic differentiation. */
import * as tf from '@tensorflow/tfjs';
import * as fc from 'fast-check';

import { recompute } from 'tfjs-revcol';
import { seededRandom } from '../../../src/ops/engine/random';
import { describeBackends, expectClose, expectNoLeak } from '../../support/backends';
import { runs } from '../../support/runs';
import { normalTensor } from '../../support/training_step';

const UNARY = ['tanh', 'sigmoid', 'softmax', 'elu', 'relu', 'sin'] as const;

/** One step; numbers choose among the registers, all of them `[3, 4]`, and wrap around. */
type Step =
  | { kind: 'unary'; op: (typeof UNARY)[number]; from: number }
  /** Product with a weight. */
  | { kind: 'weight'; from: number; weight: number }
  | { kind: 'binary'; op: 'mul' | 'add' | 'sub'; from: number; other: number }
  /** With a register of the program around this one, which may be an argument of this one as well. */
  | { kind: 'outside'; from: number; outer: number }
  /** With a tensor made beforehand in the program around this one, which is freed with its tidy. */
  | { kind: 'constant'; from: number }
  /** Rows of a table, by ids that are an argument. */
  | { kind: 'gather' }
  /** Times a state variable, which then moves. */
  | { kind: 'state'; from: number }
  | { kind: 'part'; part: Part };

/** A function of registers, token ids and other things, whose result has several tensors. */
interface Part {
  checkpointed: boolean;
  /** Which outer registers are given. */
  given: number[];
  steps: Step[];
  /** Whether a given register, or a weight, is also among what is returned. */
  passesOn: boolean;
}

const index = fc.nat(7);

function parts(depth: number): fc.Arbitrary<Part> {
  const step = fc.oneof(
    fc.record({
      kind: fc.constant('unary' as const),
      op: fc.constantFrom(...UNARY),
      from: index,
    }),
    fc.record({ kind: fc.constant('weight' as const), from: index, weight: fc.nat(1) }),
    fc.record({
      kind: fc.constant('binary' as const),
      op: fc.constantFrom('mul' as const, 'add' as const, 'sub' as const),
      from: index,
      other: index,
    }),
    fc.record({ kind: fc.constant('outside' as const), from: index, outer: index }),
    fc.record({ kind: fc.constant('constant' as const), from: index }),
    fc.record({ kind: fc.constant('gather' as const) }),
    fc.record({ kind: fc.constant('state' as const), from: index }),
    ...(depth > 0
      ? [fc.record({ kind: fc.constant('part' as const), part: parts(depth - 1) })]
      : []),
  );
  return fc.record({
    checkpointed: fc.boolean().map((b) => b || depth === 2),
    given: fc.array(index, { minLength: 1, maxLength: 3 }),
    steps: fc.array(step, { minLength: 1, maxLength: 5 }),
    passesOn: fc.boolean(),
  });
}

/** What a part is given, and what it gives. */
interface Given {
  registers: tf.Tensor[];
  tokens: { ids: tf.Tensor; note: string; nothing: null };
}
interface Result {
  last: tf.Tensor;
  more: { narrow: tf.Tensor; all: (tf.Tensor | null)[]; ids: tf.Tensor };
  count: number;
}

interface World {
  weights: tf.Variable[];
  table: tf.Variable;
  state: tf.Variable;
}

type Wrap = <A extends unknown[], R>(fn: (...args: A) => R) => (...args: A) => R;

const at = <T>(list: readonly T[], i: number) => list[i % list.length] as T;

function runPart(part: Part, outer: readonly tf.Tensor[], given: Given, w: World, wrap: Wrap) {
  const constant = tf.tensor2d([0.5, -1, 2, 1], [1, 4]);
  const body = ({ registers: own, tokens }: Given, _scale: number): Result => {
    const registers = [...own];
    let count = 0;
    for (const step of part.steps) registers.push(...runStep(step, registers));
    function runStep(s: Step, r: tf.Tensor[]): tf.Tensor[] {
      count++;
      if (s.kind === 'unary') return [tf[s.op](at(r, s.from))];
      if (s.kind === 'weight') {
        return [tf.matMul(at(r, s.from) as tf.Tensor2D, at(w.weights, s.weight) as tf.Tensor2D)];
      }
      if (s.kind === 'binary') return [tf[s.op](at(r, s.from), at(r, s.other))];
      if (s.kind === 'outside') return [tf.mul(at(r, s.from), at(outer, s.outer))];
      if (s.kind === 'constant') return [tf.mul(at(r, s.from), constant)];
      if (s.kind === 'gather') return [tf.gather(w.table, tokens.ids as tf.Tensor1D)];
      if (s.kind === 'state') {
        const y = tf.mul(at(r, s.from), w.state);
        w.state.assign(tf.add(tf.mul(w.state, 0.5), tf.mean(tf.sigmoid(y))));
        return [tf.add(y, w.state)];
      }
      const inner: Given = { registers: s.part.given.map((g) => at(r, g)), tokens };
      const { last, more } = runPart(s.part, [...r], inner, w, wrap);
      return [last, tf.add(last, more.narrow), ...more.all.filter((t) => t != null)];
    }
    const last = registers[registers.length - 1] as tf.Tensor;
    return {
      last,
      more: {
        narrow: tf.slice(tf.tanh(last), [0, 1], [3, 1]),
        all: part.passesOn ? [null, own[0] as tf.Tensor, last] : [null],
        ids: tokens.ids,
      },
      count,
    };
  };
  const result = (part.checkpointed ? wrap(body) : body)(given, 2);
  expect(result.count).toBe(part.steps.length);
  expect([...result.more.ids.dataSync()]).toEqual([0, 2, 2]);
  return result;
}

describeBackends('programs with checkpointed parts', () => {
  test('have the value, the gradients and the state of the same program without', async () => {
    const run = (part: Part, wrap: Wrap) =>
      tf.tidy(() => {
        const w: World = {
          weights: [3, 4].map((seed) => tf.variable(tf.mul(normalTensor([4, 4], seed), 0.7))),
          table: tf.variable(normalTensor([3, 4], 5)),
          state: tf.variable(tf.scalar(0.8), false),
        };
        const [x, y] = [normalTensor([3, 4], 1), normalTensor([3, 4], 2)];
        const random = seededRandom(1);
        const loss = () => {
          const computed = tf.mul(tf.tanh(x), y);
          const ids = tf.tensor1d([0, 2, 2], 'int32');
          const outer = [x, computed, y];
          const given: Given = {
            registers: part.given.map((g) => at(outer, g)),
            tokens: { ids, note: 'three', nothing: null },
          };
          const { last, more } = runPart(part, outer, given, w, wrap);
          return tf.addN(
            [last, more.narrow, ...more.all.filter((t) => t != null)].map((t) =>
              tf.sum(tf.mul(tf.sin(t), 1 + random())),
            ),
          );
        };
        const wanted = [x, y, ...w.weights, w.table];
        const { value, grads } = tf.engine().gradients(loss, wanted, undefined, true);
        const found = [value, w.state, ...grads].map((t) =>
          t == null ? null : Float32Array.from((t as tf.Tensor).dataSync()),
        );
        tf.dispose([...w.weights, w.table, w.state]);
        return found as unknown as tf.TensorContainer;
      }) as unknown as (Float32Array | null)[];
    await fc.assert(
      fc.asyncProperty(parts(2), async (part) => {
        const plain = run(part, (fn) => fn);
        const got = await expectNoLeak(() => run(part, recompute));
        plain.forEach((values, i) => {
          // Where nothing depends on it, a checkpointed part that could have may give zeros.
          const zeros = new Float32Array(got[i]?.length ?? values?.length ?? 0);
          if (!values && !got[i]) return;
          const expected = values ?? zeros;
          const scale = Math.max(...expected.map(Math.abs), 1e-3);
          const off = expected.map((v, k) => Math.abs(v - ((got[i] ?? zeros)[k] as number)));
          expect({ i, off: Math.max(...off) / scale < 1e-4 }).toEqual({ i, off: true });
        });
        expectClose(got[1] as Float32Array, plain[1] as Float32Array, 1e-5, 'state');
      }),
      { numRuns: runs(20), seed: 1 },
    );
  });
});
