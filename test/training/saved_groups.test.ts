/** Expressions of parameter groups that tfjs has rewritten still fit what they fitted. */
import { withUnderscores } from '../../src/training/saved_groups';

/** What tfjs does to every text of a configuration that it loads. */
function rewrite(text: string): string {
  return text.replace(/[_]+(\w|$)/g, (_, next: string) => next.toUpperCase());
}

const NAMES = [
  'backbone/stem/projection/kernel',
  'backbone/stem/layer_norm/gamma',
  'backbone/column_0/level_0/block_1/layer_scale',
  'backbone/column_0/level_1/fusion/down/kernel',
  'backbone/column_1/level_0/alpha',
  'backbone/column_10/level_0/alpha',
  'my_Layer_2/Kernel',
  'dense_Dense1/kernel',
  'dense_Dense2/bias',
  'head/classifier/bias',
];

test.each([
  'column_0',
  'column_1/',
  '^backbone/column_0/level_0/block_1/layer_scale$',
  '(?:column_1|level_1)/.*alpha$',
  '^(?!.*layer_scale).*column_0',
  '(?<=column_1/)level_0',
  '(?<which>column_1\\d)/level_0',
  'column_[01]/level_[0-1]/',
  'column_\\d{2}',
  'my_Layer_2/K',
  'layer_(norm|scale)',
  'dense_Dense2',
  'stem|_scale|bias',
  'dense_.*',
])('%s', (pattern) => {
  const fitting = (expression: string) => NAMES.filter((name) => new RegExp(expression).test(name));
  expect(fitting(withUnderscores(rewrite(pattern)))).toEqual(fitting(pattern));
  expect(fitting(withUnderscores(pattern))).toEqual(fitting(pattern));
});

test('a number at the end may be missing', () => {
  const expression = new RegExp(withUnderscores(rewrite('^a/level_0/kernel_12$')));
  for (const name of ['a/level_0/kernel_12', 'a/level_0/kernel']) expect(name).toMatch(expression);
  for (const name of ['a/level/kernel', 'a/level_0/kernel_1']) expect(name).not.toMatch(expression);
});
