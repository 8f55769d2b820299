/** The code in the guides to checkpoints and to scaling runs, on small models in place of published ones. */
import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import * as tf from '@tensorflow/tfjs';

import * as revcol from 'tfjs-revcol';
import { useBackend } from '../support/backends';
import { documentProgram } from '../support/document_code';
import { describeGoldens } from '../support/goldens';
import { goldenPath } from './support/golden_model';
import { valuesOf } from './support/small_checkpoint';

const SMALL = { channels: [8, 16, 24, 32], depths: [1, 1, 2, 1] };

/** The package, whose sizes are all as small as the golden checkpoints. */
const smallRevcol: typeof revcol = {
  ...revcol,
  createModel: ((name: revcol.ModelName, options?: revcol.CreateModelOptions) =>
    revcol.createModel(name, {
      ...SMALL,
      inputShape: [32, 32, 3],
      numClasses: 10,
      ...options,
    })) as typeof revcol.createModel,
  layers: {
    ...revcol.layers,
    revColBackbone: (args) => revcol.layers.revColBackbone({ ...SMALL, ...args }),
  },
};

const requireSmall = ((name: string): unknown =>
  name === 'tfjs-revcol' ? smallRevcol : tf) as NodeJS.Require;

describeGoldens('guides', () => {
  let [before, folder] = ['', ''];
  beforeAll(async () => {
    await useBackend('wasm');
    before = process.cwd();
    folder = fs.mkdtempSync(path.join(os.tmpdir(), 'revcol-guide-'));
    for (const file of ['revcol_tiny_1k.pth', 'best.pth']) {
      fs.copyFileSync(goldenPath('supervised', '.pth'), path.join(folder, file));
    }
    process.chdir(folder);
  });
  afterAll(() => {
    process.chdir(before);
    fs.rmSync(folder, { recursive: true });
  });

  test('docs/checkpoints.md', async () => {
    const log = jest.spyOn(console, 'log').mockImplementation(() => undefined);
    const warn = jest.spyOn(console, 'warn').mockImplementation(() => undefined);
    const names = ['model', 'loaded', 'missing', 'unexpected', 'partly', 'report', 'stem', 'wrong'];
    const program = documentProgram<{
      model: tf.LayersModel;
      loaded: string[];
      missing: string[];
      unexpected: string[];
      partly: revcol.LoadReport;
      report: revcol.LoadReport;
      stem: Float32Array;
      wrong: revcol.CheckpointError;
      blob: Blob;
    }>('docs/checkpoints.md', [...names, 'blob']);
    const made = await program(requireSmall);
    expect(made.loaded).toHaveLength(made.model.weights.length);
    expect([...made.missing, ...made.unexpected]).toEqual([]);
    expect(made.partly.missing.length).toBeGreaterThan(200);
    expect(made.partly.missing.every((name) => /^subnet[4-7]\./.test(name))).toBe(true);
    expect(made.report.missing).toEqual(['mine/kernel', 'mine/bias']);
    expect(made.report.unexpected[0]).toBe('cls.classifier.0.weight');
    expect(made.stem).toHaveLength(8 * 3 * 4 * 4);
    expect(made.wrong.message).toMatch(
      /^loadCheckpoint: the file does not fit model revcol_tiny; nothing was loaded\.\n2 of another shape:\n {2}cls\.classifier\.1\.weight: \[10, 32\] in the file, \[3, 32\] in the model\n/,
    );
    expect(warn).toHaveBeenCalledTimes(1);
    expect(fs.statSync('tuned.safetensors').size).toBe(made.blob.size);
    log.mockRestore();
    warn.mockRestore();
  });

  test('docs/scaling.md', async () => {
    const text = documentProgram<{ model: tf.LayersModel }>('docs/scaling.md', ['model']);
    // The golden has no averaged weights.
    const withoutEma = { ...smallRevcol, loadCheckpoint: jest.fn(smallRevcol.loadCheckpoint) };
    withoutEma.loadCheckpoint.mockImplementation((model, source, { key: _, ...options } = {}) =>
      revcol.loadCheckpoint(model, source, options),
    );
    const required = ((name: string): unknown =>
      name === 'tfjs-revcol' ? withoutEma : tf) as NodeJS.Require;
    const { model } = await text(required);
    expect(withoutEma.loadCheckpoint.mock.calls.map(([, , options]) => options?.key)).toEqual([
      undefined,
      'state_dict_ema',
    ]);
    const other = smallRevcol.createModel('revcol_tiny', { intermediateSupervision: true });
    await revcol.loadCheckpoint(other, 'best.pth');
    expect(valuesOf(model)).toEqual(valuesOf(other));
    // What was saved first are the random weights that the model had then.
    await revcol.loadCheckpoint(other, 'start.safetensors');
    expect(valuesOf(model)).not.toEqual(valuesOf(other));
  });
});
