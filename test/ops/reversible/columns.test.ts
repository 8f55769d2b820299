/** What a level takes from where, and which variables the node on the tape takes. */
import * as tf from '@tensorflow/tfjs';

import { AutodiffFunction } from '../../../src/ops/reversible/autodiff_function';
import { type Column, operands } from '../../../src/ops/reversible/column';
import { weightSlots } from '../../../src/ops/reversible/walk';
import { describeBackends } from '../../support/backends';

const stem = { from: 'stem' };
const lower = (level: number) => ({ from: 'lower', level });
const previous = (level: number) => ({ from: 'previous', level });

test.each([
  ['the bottom of the first column', 0, true, true, [stem]],
  ['above it', 1, true, true, [lower(0)]],
  ['the bottom', 0, false, false, [stem, previous(1)]],
  [
    'the bottom, with the connection from the top',
    0,
    false,
    true,
    [stem, previous(1), previous(3)],
  ],
  ['the middle', 2, false, true, [lower(1), previous(3)]],
  ['the top', 3, false, true, [lower(2)]],
])('operands of %s', (_, level, isFirst, topFusion, expected) => {
  expect(operands(level, 4, isFirst, topFusion)).toEqual(expected);
});

describeBackends(
  'variables of the node',
  () => {
    const made: tf.Variable[] = [];
    const variable = () => {
      const one = tf.tidy(() => tf.variable(tf.scalar(0)));
      made.push(one);
      return one;
    };
    afterAll(() => made.forEach((one) => one.dispose()));

    const fn = (weights: number) =>
      new AutodiffFunction(
        'function',
        ([x]) => x as tf.Tensor,
        Array.from(Array(weights), variable),
        [],
      );
    const column = (alphaTrainable: boolean): Column => ({
      levels: [{ functions: [fn(1), fn(2)] }, { functions: [fn(1)] }],
      alphas: [variable(), variable()],
      alphaTrainable,
      topFusion: false,
    });
    /** A column's variables as the node takes them: level by level, the alpha first. */
    const listed = ({ levels, alphas }: Column, withAlphas: boolean) =>
      levels.flatMap(({ functions }, l) => [
        ...(withAlphas ? [alphas[l]] : []),
        ...functions.flatMap(({ weights }) => weights),
      ]);

    test('alphas only where they are used and trained, each under a name of its own', () => {
      const columns = [column(true), column(true), column(false)];
      const [first, second, third] = columns as [Column, Column, Column];
      for (const hasPrevious of [false, true]) {
        const slots = weightSlots(columns, hasPrevious);
        const expected = [
          ...listed(first, hasPrevious),
          ...listed(second, true),
          ...listed(third, false),
        ];
        expect(slots.map((slot) => slot.variable.id)).toEqual(expected.map((one) => one?.id));
        expect(new Set(slots.map(({ name }) => name)).size).toBe(slots.length);
      }
    });
  },
  { only: ['cpu'] },
);
