/** Whatever a public function is called with, no bare TypeError of the engine comes back. */
import * as tf from '@tensorflow/tfjs';

import * as revcol from 'tfjs-revcol';
import { fileSystem, imageFolder } from 'tfjs-revcol/node';

type Call = (...args: unknown[]) => unknown;

const PUBLIC: Record<string, unknown> = {
  ...revcol,
  ...Object.fromEntries(Object.entries(revcol.layers).map(([key, f]) => [`layers.${key}`, f])),
  fileSystem,
  imageFolder,
};

const FUNCTIONS = Object.entries(PUBLIC).filter(
  (entry): entry is [string, Call] => typeof entry[1] === 'function' && !/Error$/.test(entry[0]),
);

/** What is given for every argument. */
const WRONG: Record<string, () => unknown[]> = {
  nothing: () => [],
  undefined: () => Array<undefined>(4).fill(undefined),
  null: () => Array<null>(4).fill(null),
  'a number': () => Array<number>(4).fill(5),
  'a string': () => Array<string>(4).fill('no such thing'),
  'an empty object': () => Array.from({ length: 4 }, () => ({})),
  'an empty list': () => Array.from({ length: 4 }, () => []),
  'a function': () => Array.from({ length: 4 }, () => () => 0),
};

/** Words of engines, where something was not what code took it for. */
const BARE =
  /^Cannot (read|destructure|convert|set)|is not (a function|iterable|a constructor)|of undefined|of null|argument must be of type|\(intermediate value\)/;

/** What a call throws, or rejects with; classes are made. */
async function errorOf(name: string, call: Call, args: unknown[]): Promise<unknown> {
  const isClass = /^[A-Z]/.test(name);
  try {
    const Class = call as unknown as new (...args: unknown[]) => unknown;
    await (isClass ? new Class(...args) : call(...args));
  } catch (error) {
    return error;
  }
  return undefined;
}

test('the functions are those that are public', () => {
  expect(FUNCTIONS.length).toBeGreaterThan(60);
});

describe.each(FUNCTIONS)('%s', (name, call) => {
  test.each(Object.keys(WRONG))('given %s', async (what) => {
    const before = tf.memory().numTensors;
    const error = await errorOf(name, call, (WRONG[what] as () => unknown[])());
    const { message = '' } = (error ?? {}) as Partial<Error>;
    expect(message).not.toMatch(BARE);
    expect(error).not.toBeInstanceOf(TypeError);
    expect(tf.memory().numTensors).toBe(before);
  });

  test('given a tensor', async () => {
    const tensors = Array.from({ length: 4 }, () => tf.zeros([2, 2, 3]));
    const error = await errorOf(name, call, tensors);
    tf.dispose(tensors);
    expect(((error ?? {}) as Partial<Error>).message ?? '').not.toMatch(BARE);
  });
});

test('a string in place of the loss', () => {
  const model = tf.sequential({ layers: [tf.layers.dense({ units: 1, inputShape: [1] })] });
  const x = tf.zeros([1, 1]);
  const step = () => revcol.trainingStep(model, tf.train.sgd(1), x, 'meanSquaredError' as never);
  expect(step).toThrow(
    /trainingStep: loss is "meanSquaredError"; expected a function of the outputs/,
  );
  x.dispose();
  model.dispose();
});

test('a class without className as a block', () => {
  class Nameless extends tf.layers.Layer {}
  const backbone = revcol.layers.revColBackbone({
    columns: 2,
    channels: [4, 4],
    depths: [1, 1],
    block: new Nameless({ name: 'own' }),
  });
  expect(() => backbone.apply(tf.input({ shape: [16, 16, 3] }))).toThrow(
    /class Nameless of a template has no className of its own/,
  );
});

test('a tensor, and what is no image, for preprocessing', () => {
  const x = tf.zeros([4, 4, 3]);
  expect(() => revcol.preprocess(x as never)).toThrow(
    /image: a tensor of shape \[4, 4, 3\] given; expected \{ width, height, data \}/,
  );
  x.dispose();
});
