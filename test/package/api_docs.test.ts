/** The code in docs/api.md runs, from top to bottom, as one program. */
import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import * as tf from '@tensorflow/tfjs';

import { BACKENDS, useBackend } from '../support/backends';
import { documentProgram } from '../support/document_code';
import { normalTensor } from '../support/training_step';

interface Made {
  features: tf.LayersModel;
  tabular: tf.Sequential;
  small: tf.LayersModel;
  loaded: tf.LayersModel;
  again: tf.LayersModel;
  worst: number;
}

test('the code of docs/api.md does what its text says', async () => {
  const names = ['features', 'tabular', 'small', 'loaded', 'again', 'worst'];
  const program = documentProgram<Made>('docs/api.md', names);

  await useBackend(BACKENDS[0] as string);
  const [before, folder] = [process.cwd(), fs.mkdtempSync(path.join(os.tmpdir(), 'revcol-api-'))];
  process.chdir(folder);
  try {
    const { features, tabular, small, loaded, again, worst } = await program(require);
    expect(features.outputs.map((o) => o.shape)).toEqual([
      [null, 16, 24, 16],
      [null, 8, 12, 32],
    ]);
    const trained = features.trainableWeights.map((w) => w.originalName);
    expect(trained.length).toBeGreaterThan(0);
    expect(trained.filter((name) => /stem|column_[01]/.test(name))).toEqual([]);
    expect(worst).toBeLessThan(1e-5);
    expect(small.outputs[0]?.shape).toEqual([null, 10]);
    tf.tidy(() => {
      const x = normalTensor([2, 20], 1);
      const [a, b, c] = [tabular, loaded, again].map((m) => (m.predict(x) as tf.Tensor).dataSync());
      expect(a).toHaveLength(6);
      expect([b, c]).toEqual([a, a]);
    });
  } finally {
    process.chdir(before);
    fs.rmSync(folder, { recursive: true });
  }
});
