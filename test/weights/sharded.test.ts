/** Checkpoints in several files with an index, and indexes that point elsewhere. */
import * as fs from 'node:fs';
import * as http from 'node:http';
import type { AddressInfo } from 'node:net';
import * as os from 'node:os';
import * as path from 'node:path';
import { pathToFileURL } from 'node:url';
import * as tf from '@tensorflow/tfjs';

import { loadCheckpoint } from 'tfjs-revcol';
import { openCheckpoint } from '../../src/weights/open_checkpoint';
import { useBackend } from '../support/backends';
import {
  type NamedTensor,
  pthOf,
  safetensorsOf,
  smallModel,
  tensorsOf,
  valuesOf,
} from './support/small_checkpoint';

let folder: string;
let trained: tf.LayersModel;
let halves: [NamedTensor[], NamedTensor[]];

const at = (name: string): string => path.join(folder, name);
const indexOf = (files: [string, string]): object => ({
  metadata: { total_size: 12, ['format']: 'pt' },
  weight_map: Object.fromEntries(
    halves.flatMap((half, i) => half.map(({ name }) => [name, files[i]])),
  ),
});
const writeJson = (name: string, json: object): string => {
  fs.writeFileSync(at(name), JSON.stringify(json));
  return at(name);
};

beforeAll(async () => {
  await useBackend('cpu');
  folder = fs.mkdtempSync(path.join(os.tmpdir(), 'revcol shards '));
  trained = smallModel(1);
  const tensors = await tensorsOf(trained);
  halves = [tensors.slice(0, 20), tensors.slice(20)];
  for (const [i, half] of halves.entries()) {
    const bytes = Buffer.from(await (await safetensorsOf(half)).arrayBuffer());
    fs.writeFileSync(at(`model-0000${i + 1}-of-00002.safetensors`), bytes);
    fs.writeFileSync(at(`model-${i + 1}.bin`), pthOf(half));
  }
  fs.mkdirSync(at('below'));
  fs.copyFileSync(at('model-2.bin'), at('below/a #?%2e.bin'));
});
afterAll(() => {
  trained.dispose();
  fs.rmSync(folder, { recursive: true });
});

const SAFETENSORS: [string, string] = [
  'model-00001-of-00002.safetensors',
  'model-00002-of-00002.safetensors',
];

async function expectLoaded(source: string | URL): Promise<void> {
  const model = smallModel(2);
  const report = await loadCheckpoint(model, source);
  expect([report.missing, report.unexpected]).toEqual([[], []]);
  expect(valuesOf(model)).toEqual(valuesOf(trained));
  model.dispose();
}

test.each([
  ['safetensors', SAFETENSORS],
  ['pytorch', ['model-1.bin', 'model-2.bin'] as [string, string]],
  ['pytorch', ['model-1.bin', 'below/a #?%2e.bin'] as [string, string]],
])('%s shards %j load as one checkpoint, by path and by URL', async (format, files) => {
  const index = writeJson('model.index.json', indexOf(files));
  await expectLoaded(index);
  await expectLoaded(pathToFileURL(index));
  const checkpoint = await openCheckpoint(index);
  expect(checkpoint.format).toBe(format);
  expect(checkpoint.metadata.get('total_size')).toBe(12);
  await expect(checkpoint.read('absent')).rejects.toMatchObject({ code: 'mismatch' });
  await checkpoint.close();
});

test('shards of a few bytes', async () => {
  const weight_map: Record<string, string> = {};
  for (const name of ['a', 'b']) {
    const shard = await safetensorsOf([{ name, shape: [1], data: Float32Array.of(name.length) }]);
    fs.writeFileSync(at(`${name}.safetensors`), Buffer.from(await shard.arrayBuffer()));
    weight_map[name] = `${name}.safetensors`;
  }
  const checkpoint = await openCheckpoint(writeJson('few.json', { weight_map }));
  expect(await checkpoint.read('b')).toEqual(Float32Array.of(1));
  await checkpoint.close();
});

test('by path in the working folder, with its text laid out in any way', async () => {
  const before = process.cwd();
  process.chdir(folder);
  try {
    // A brace where safetensors have theirs, a byte order mark, spaces.
    const { weight_map } = indexOf(SAFETENSORS) as { weight_map: object };
    for (const text of [
      JSON.stringify({ weight_map }, null, 1),
      `{"abcd":{},"weight_map":${JSON.stringify(weight_map)}}`,
      `\ufeff \n${JSON.stringify({ weight_map })}`,
    ]) {
      fs.writeFileSync('here.json', text);
      await expectLoaded('here.json');
    }
  } finally {
    process.chdir(before);
  }
});

test('over HTTP every file is asked for below the address of the index, with its query', async () => {
  const asked: string[] = [];
  const server = http.createServer((req, res) => {
    asked.push(req.url ?? '');
    const name = decodeURIComponent((req.url ?? '').split('?')[0]?.slice('/deep/'.length) ?? '');
    res.end(fs.readFileSync(at(name)));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  try {
    writeJson('remote.json', indexOf(['model-1.bin', 'below/a #?%2e.bin']));
    const { port } = server.address() as AddressInfo;
    await expectLoaded(`http://127.0.0.1:${port}/deep/remote.json?token=1`);
    expect(asked).toEqual([
      '/deep/remote.json?token=1',
      '/deep/model-1.bin?token=1',
      '/deep/below/a%20%23%3F%252e.bin?token=1',
    ]);
  } finally {
    server.closeAllConnections();
    server.close();
  }
});

test.each([
  '../model-1.bin',
  'below/../../model-1.bin',
  '/etc/passwd',
  '//example.org/model-1.bin',
  'https://example.org/model-1.bin',
  'file:///etc/passwd',
  'C:\\model-1.bin',
  'C:model-1.bin',
  '..\\model-1.bin',
  './model-1.bin',
  'below//model-1.bin',
  'model-1.bin\0',
  '',
  '..',
])('a shard %j is refused, and nothing is opened', async (file) => {
  const index = writeJson('outside.json', indexOf(['model-1.bin', file]));
  const reach = jest.fn<ReturnType<typeof fetch>, []>();
  const opening = openCheckpoint(index, { fetch: reach });
  await expect(opening).rejects.toMatchObject({ name: 'CheckpointError', code: 'corrupt' });
  await expect(opening).rejects.toThrow('is not a file in its folder');
  expect(reach).not.toHaveBeenCalled();
});

test('an index that lies, or has no place, says so', async () => {
  const missing = writeJson('missing.json', indexOf(['model-1.bin', 'model-3.bin']));
  await expect(openCheckpoint(missing)).rejects.toMatchObject({ code: 'io' });
  const swapped = writeJson('swapped.json', indexOf(['model-2.bin', 'model-1.bin']));
  await expect(openCheckpoint(swapped)).rejects.toThrow('model-2.bin has no tensor stem.0.weight');
  const numbers = writeJson('numbers.json', { weight_map: { w: 1 } });
  await expect(openCheckpoint(numbers)).rejects.toMatchObject({ code: 'corrupt' });
  fs.writeFileSync(at('cut.json'), '{"weight_map": {"a": "b"');
  await expect(openCheckpoint(at('cut.json'))).rejects.toMatchObject({ code: 'corrupt' });
  const none = writeJson('none.json', { weight_map: {} });
  await expect(openCheckpoint(none)).rejects.toMatchObject({ code: 'format' });
  // An index of an index would be a way round every limit.
  const nested = writeJson('nested.json', indexOf(['swapped.json', 'model-2.bin']));
  await expect(openCheckpoint(nested)).rejects.toMatchObject({ code: 'format' });
  const many = {
    weight_map: Object.fromEntries(Array.from({ length: 1025 }, (_, i) => [i, `${i}`])),
  };
  await expect(openCheckpoint(writeJson('many.json', many))).rejects.toMatchObject({
    code: 'unsupported',
  });
  const bytes = new TextEncoder().encode(JSON.stringify(indexOf(SAFETENSORS)));
  for (const source of [bytes, new Blob([bytes])]) {
    await expect(openCheckpoint(source)).rejects.toThrow('give its path or its address');
  }
});
