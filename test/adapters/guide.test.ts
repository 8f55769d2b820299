/** The code in docs/adapters.md runs. */
import * as tf from '@tensorflow/tfjs';

import { BACKENDS, useBackend } from '../support/backends';
import { documentProgram } from '../support/document_code';

test('the code of docs/adapters.md does what its text says', async () => {
  await useBackend(BACKENDS[0] as string);
  const program = documentProgram<{ model: tf.LayersModel; file: Blob }>('docs/adapters.md', [
    'model',
    'file',
  ]);
  const { model, file } = await program(require);
  const trained = model.trainableWeights.map((w) => w.originalName);
  expect(trained.filter((name) => !/(expand|project)\/lora_[ab]$/.test(name))).toEqual(
    model.getLayer('head').weights.map((w) => w.originalName),
  );
  expect(file.size).toBeLessThan(400000);
  model.dispose();
});
