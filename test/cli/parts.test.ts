/** Choosing among several sets of weights, shards and input channels on the command line. */
import '@tensorflow/tfjs-backend-wasm';
import 'tfjs-revcol/node';
import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import * as tf from '@tensorflow/tfjs';

import { openCheckpoint } from '../../src/weights/open_checkpoint';
import {
  type NamedTensor,
  type Parts,
  pthOf,
  renamed,
  safetensorsOf,
  smallModel,
  tensorsOf,
} from '../weights/support/small_checkpoint';
import { cli, cliAssuming, cliError, cliOut } from './run';

let folder: string;
let tensors: NamedTensor[];
const at = (name: string): string => path.join(folder, name);

beforeAll(async () => {
  await tf.setBackend('wasm');
  folder = fs.mkdtempSync(path.join(os.tmpdir(), 'revcol-parts-'));
  const model = smallModel(1);
  tensors = await tensorsOf(model);
  model.dispose();
});
afterAll(() => fs.rmSync(folder, { recursive: true }));

const raised = (by: number, prefix = ''): NamedTensor[] =>
  renamed(tensors, (name) => prefix + name).map((t) => ({ ...t, data: t.data.map((v) => v + by) }));

/** How far the first weights of a file are above the original ones; every name must be published. */
async function raise(file: string): Promise<number> {
  const checkpoint = await openCheckpoint(file);
  expect([...checkpoint.entries.keys()]).toEqual(tensors.map(({ name }) => name));
  const [value] = await checkpoint.read('stem.0.weight');
  await checkpoint.close();
  return Math.round((value as number) - (tensors[0]?.data[0] as number));
}

const FILES: [string, () => Parts, string[], number][] = [
  ['nested', () => ({ student: raised(2), teacher: raised(3) }), ['--key', 'teacher'], 3],
  ['nested', () => ({ student: raised(2), teacher: raised(3) }), ['--prefix', 'student'], 2],
  ['deep', () => ({ run: { model: raised(1), ema: raised(4) } }), ['--key', 'run.ema'], 4],
  ['flat', () => [...raised(4, 'student.'), ...raised(5, 'teacher.')], ['--prefix', 'teacher.'], 5],
  ['flat', () => [...raised(4, 'student.'), ...raised(5, 'teacher.')], ['-p', 'student'], 4],
  [
    'lightning',
    () => ({ state_dict: [...raised(6, 'model.module.'), ...raised(7, 'ema.module.')] }),
    ['--prefix', 'ema'],
    7,
  ],
];

test.each(FILES)('%s: convert and inspect take the set that is asked for', async (...args) => {
  const [name, parts, options, by] = args;
  const file = at(`${name}.pth`);
  fs.writeFileSync(file, pthOf(parts()));
  const out = at(`${name}-${by}.safetensors`);
  await cliOut('convert', file, out, ...options);
  expect(await raise(out)).toBe(by);
  const summary = JSON.parse(await cliOut('inspect', file, '--json', ...options)) as {
    architecture: { columns: number };
    tensors: unknown[];
  };
  expect(summary.architecture.columns).toBe(2);
  expect(summary.tensors).toHaveLength(tensors.length);
  fs.rmSync(out);
});

test('a prefix that no name has', async () => {
  fs.writeFileSync(at('two.pth'), pthOf([...raised(4, 'student.'), ...raised(5, 'teacher.')]));
  const message = await cliError('inspect', at('two.pth'), '--prefix', 'ema');
  expect(message).toContain("begins with 'ema'");
  expect(message).toContain("is 'student.', 'teacher.'");
});

test('shards and input channels', async () => {
  const weight_map: Record<string, string> = {};
  for (const [i, half] of [tensors.slice(0, 9), tensors.slice(9)].entries()) {
    const bytes = await (await safetensorsOf(half)).arrayBuffer();
    fs.writeFileSync(at(`${i}.safetensors`), new Uint8Array(bytes));
    for (const { name } of half) weight_map[name] = `${i}.safetensors`;
  }
  const index = at('model.safetensors.index.json');
  fs.writeFileSync(index, JSON.stringify({ weight_map }));
  expect(await cliOut('inspect', '--no-tensors', index)).toContain('2 columns, channels 2 3');

  for (const count of [1, 4]) {
    const model = at(`channels-${count}`);
    const options = ['--input-size', '32', '--input-channels', `${count}`];
    await (count === 1 ? cliAssuming : cliOut)('convert', index, model, ...options);
    const loaded = await tf.loadLayersModel(`file://${model}/model.json`);
    expect(loaded.inputs[0]?.shape).toEqual([null, 32, 32, count]);
    const rgb = smallModel(1, { inputShape: [32, 32, 3] });
    tf.tidy(() => {
      const grey = tf.randomNormal([1, 32, 32, 1], 0, 1, 'float32', 3);
      // Four channels [r, g, b, r] x 3/4: only the first case has an exact counterpart in RGB.
      const x = tf.tile(grey, [1, 1, 1, count]);
      const logits = loaded.predict(x) as tf.Tensor;
      expect(logits.shape).toEqual([1, 4]);
      if (count === 1) {
        const wanted = (rgb.predict(tf.tile(grey, [1, 1, 1, 3])) as tf.Tensor).dataSync();
        logits.dataSync().forEach((v, i) => expect(v).toBeCloseTo(wanted[i] as number, 4));
      }
    });
    loaded.dispose();
    rgb.dispose();
  }
  const wrong = await cli('convert', index, at('x'), '--input-channels', '0');
  expect(wrong).toMatchObject({ status: 1, out: '' });
  expect(wrong.error).toContain('whole number of at least 1');
});
