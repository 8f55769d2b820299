/** The README's code does what it says. */
import * as fs from 'node:fs';
import * as path from 'node:path';
import * as tf from '@tensorflow/tfjs';

import { describeBackends } from '../support/backends';
import { normalTensor } from '../support/training_step';

const README = fs.readFileSync(path.resolve(__dirname, '../../README.md'), 'utf8');

type Program = (
  require: NodeJS.Require,
  images: tf.Tensor,
  labels: tf.Tensor,
) => Promise<tf.Sequential>;

const { constructor: AsyncFunction } = Object.getPrototypeOf(async () => {}) as {
  constructor: new (...source: string[]) => Program;
};

/** The lines under the heading "Train" as a function that gives the model. */
function trainingProgram(): Program {
  const code = /^## Train\n+```js\n(.*?)^```/ms.exec(README)?.[1];
  if (code == null) throw new Error('README.md has no JavaScript under "## Train"');
  const body = code
    .replace(/^import \* as (\w+) from ('.*?');$/gm, 'const $1 = require($2);')
    .replace(/^import (\{.*?\}) from ('.*?');$/gm, 'const $1 = require($2);')
    .replace(/^import ('.*?');$/gm, 'require($1);');
  return new AsyncFunction('require', 'images', 'labels', `'use strict';\n${body}\nreturn model;`);
}

describeBackends(
  'the README',
  () => {
    test('its training lines run and learn', async () => {
      const images = normalTensor([16, 32, 32, 3], 1);
      const classes = Int32Array.from({ length: 16 }, (_, i) => i % 10);
      const labels = tf.oneHot(tf.tensor1d(classes, 'int32'), 10);
      const fit = jest.spyOn(tf.Sequential.prototype, 'fit');
      const model = await trainingProgram()(require, images, labels);
      const { history } = await (fit.mock.results[0]?.value as Promise<tf.History>);
      fit.mockRestore();
      const losses = history['loss'] as number[];
      expect(losses).toHaveLength(5);
      expect(losses[4]).toBeLessThan(losses[0] as number);
      expect(history).toHaveProperty('acc');
      tf.dispose([images, labels]);
      model.dispose();
    });
  },
  { only: ['wasm'] }, // the backend that they start
);
