/** Every kind of source that a checkpoint can come from. */
import * as fs from 'node:fs/promises';
import * as os from 'node:os';
import * as path from 'node:path';
import { pathToFileURL } from 'node:url';

import type { CheckpointSource } from '../../src/weights/bytes/source';
import { openCheckpoint, type OpenOptions } from '../../src/weights/open_checkpoint';
import { seededRandom } from './support/mutate';
import { RangeServer } from './support/range_server';
import { type NamedTensor, pthOf, safetensorsOf } from './support/small_checkpoint';

const random = seededRandom(11);
const TENSORS: NamedTensor[] = [3, 700, 1_500_000, 40_000, 1].map((length, i) => ({
  name: `t${i}`,
  shape: [length],
  data: Float32Array.from({ length }, random),
}));
const PTH = pthOf({ model: TENSORS });

async function expectReadable(source: CheckpointSource, options?: OpenOptions): Promise<void> {
  const checkpoint = await openCheckpoint(source, options);
  expect([...checkpoint.entries.keys()]).toEqual(TENSORS.map(({ name }) => name));
  for (const { name, data } of TENSORS) {
    const got = await checkpoint.read(name);
    expect(Buffer.compare(Buffer.from(got.buffer), Buffer.from(data.buffer))).toBe(0);
  }
  await checkpoint.close();
}

describe('sources in memory', () => {
  let safetensors: ArrayBuffer;
  beforeAll(async () => {
    safetensors = await (await safetensorsOf(TENSORS)).arrayBuffer();
  });

  test('ArrayBuffer, Uint8Array inside a larger buffer', async () => {
    await expectReadable(PTH.buffer);
    await expectReadable(safetensors);
    const larger = new Uint8Array(PTH.length + 100);
    larger.set(PTH, 37);
    await expectReadable(larger.subarray(37, 37 + PTH.length));
  });

  test('Blob and File, of which only pieces are read', async () => {
    await expectReadable(new Blob([PTH]));
    await expectReadable(new Blob([safetensors]));
    const file = new File([PTH], 'weights.pth');
    await expectReadable(file);
    const whole = jest.spyOn(Blob.prototype, 'arrayBuffer');
    await expectReadable(file);
    for (const blob of whole.mock.contexts) {
      expect((blob as Blob).size).toBeLessThanOrEqual(4 << 20);
    }
    expect(whole.mock.contexts.length).toBeGreaterThan(2);
    whole.mockRestore();
  });

  test('data: and blob: URLs', async () => {
    const small = pthOf({ model: TENSORS.slice(0, 1) });
    const url = `data:application/octet-stream;base64,${Buffer.from(small).toString('base64')}`;
    expect([...(await openCheckpoint(url)).entries.keys()]).toEqual(['t0']);
    const object = URL.createObjectURL(new Blob([PTH]));
    await expectReadable(object);
    URL.revokeObjectURL(object);
    await expect(openCheckpoint(object)).rejects.toMatchObject({ code: 'io' });
  });

  test.each([
    ['nothing', new ArrayBuffer(0), 'it is empty'],
    ['a web page', new TextEncoder().encode('<!DOCTYPE html><html>'), 'it is a web page'],
    [
      'a Git LFS pointer',
      new TextEncoder().encode('version https://git-lfs.github.com/spec/v1'),
      'git lfs pull',
    ],
    ['a number', 5 as unknown as ArrayBuffer, 'must be a path'],
  ])('refuses %s', async (_, source, message) => {
    await expect(openCheckpoint(source)).rejects.toThrow(message);
    await expect(openCheckpoint(source)).rejects.toMatchObject({ name: 'CheckpointError' });
  });
});

describe('files', () => {
  let folder: string;
  beforeAll(async () => {
    folder = await fs.mkdtemp(path.join(os.tmpdir(), 'revcol sources '));
    await fs.writeFile(path.join(folder, 'a b.pth'), PTH);
  });
  afterAll(() => fs.rm(folder, { recursive: true }));

  test('by path, file: URL and file: string', async () => {
    const file = path.join(folder, 'a b.pth');
    await expectReadable(file);
    await expectReadable(pathToFileURL(file));
    await expectReadable(pathToFileURL(file).href);
  });

  test('a path with a colon is a path', async () => {
    const before = process.cwd();
    process.chdir(folder);
    try {
      await fs.writeFile('run:12.pth', PTH);
      await expectReadable('run:12.pth');
    } finally {
      process.chdir(before);
    }
    await expect(openCheckpoint('s3://bucket/a.pth', { retries: 0 })).rejects.toThrow(
      's3://bucket/a.pth cannot be reached',
    );
  });

  test('says what is no file', async () => {
    const absent = path.join(folder, 'absent.pth');
    await expect(openCheckpoint(absent)).rejects.toMatchObject({
      code: 'io',
      message: expect.stringContaining(absent) as string,
    });
    await expect(openCheckpoint(folder)).rejects.toThrow('is not a file but a folder; give');
    await expect(openCheckpoint('/dev/null')).rejects.toThrow('/dev/null is not a file');
    // A percent sign that stands for no letter.
    for (const broken of ['file:///a%zz.pth', new URL('file:///a%.pth')]) {
      await expect(openCheckpoint(broken)).rejects.toMatchObject({
        name: 'CheckpointError',
        code: 'io',
        message: `${String(broken)} is no address that can be read`,
      });
    }
  });

  test('a file that is written to while it is read ends in an error, a renamed one does not', async () => {
    const file = path.join(folder, 'rewritten.pth');
    await fs.writeFile(file, PTH);
    const checkpoint = await openCheckpoint(file);
    await fs.writeFile(`${file}.new`, PTH.subarray(0, 1000));
    await fs.rename(`${file}.new`, file);
    const { data } = TENSORS[2] as NamedTensor;
    expect(Buffer.from((await checkpoint.read('t2')).buffer).equals(Buffer.from(data.buffer))).toBe(
      true,
    );
    await checkpoint.close();
    await fs.writeFile(file, PTH);
    const again = await openCheckpoint(file);
    await fs.writeFile(file, PTH);
    await fs.utimes(file, new Date(), new Date(Date.now() + 2000));
    const reading = again.read('t2');
    await expect(reading).rejects.toMatchObject({ name: 'CheckpointError', code: 'io' });
    await expect(reading).rejects.toThrow('rewritten.pth changed while it was being read');
    await again.close();
  });

  test('a file that shrinks while it is read ends in an error', async () => {
    const file = path.join(folder, 'shrinks.pth');
    await fs.writeFile(file, PTH);
    const checkpoint = await openCheckpoint(file);
    await fs.truncate(file, 5_000_000);
    await expect(checkpoint.read('t3')).rejects.toMatchObject({ code: 'io' });
    await checkpoint.close();
  });
});

describe('HTTP', () => {
  const server = new RangeServer(PTH);
  let url: string;
  beforeAll(async () => {
    url = await server.listen();
  });
  afterAll(() => server.close());
  beforeEach(() => server.behave({}));

  test('reads ranges: few requests, hardly more bytes than there are', async () => {
    await expectReadable(url);
    expect(server.requests.length).toBeLessThan(8);
    expect(server.requests.every((request) => request.startsWith('GET bytes='))).toBe(true);
    // What is read to tell the format and the length is read again.
    expect(server.sentBytes).toBeLessThan(1.1 * PTH.length);
    server.behave({});
    const checkpoint = await openCheckpoint(new URL(url));
    expect(server.sentBytes).toBeLessThan(5 << 20);
    await checkpoint.close();
  });

  test('reads from a server without ranges, with one request', async () => {
    server.behave({ ignoreRanges: true });
    await expectReadable(url);
    expect(server.requests).toHaveLength(1);
  });

  test('asks for the length where Content-Range does not tell it', async () => {
    server.behave({ hideTotal: true });
    await expectReadable(url);
    expect(server.requests).toContain('HEAD -');
  });

  test('uses the fetch given', async () => {
    const credentials: (string | null)[] = [];
    const withToken: typeof fetch = (input, init) => {
      const headers = new Headers(init?.headers);
      headers.set('Authorization', 'Bearer token');
      credentials.push(headers.get('Authorization'));
      return fetch(input, { ...init, headers });
    };
    await expectReadable(url, { fetch: withToken });
    expect(credentials).toHaveLength(server.requests.length);
  });

  test.each([
    ['404', { status: 404 }, 'answered 404 Not Found'],
    ['500', { status: 500 }, 'answered 500'],
    ['a connection cut in a range', { cutAfter: 500, cutFrom: 1 }, /connection was cut|only 500/],
    ['a connection cut later', { cutAfter: 5000, cutFrom: 3 }, /connection was cut|only 5000/],
    [
      'a connection cut in the whole file',
      { cutAfter: 3_000_000, ignoreRanges: true },
      /connection was cut/,
    ],
    ['a length that is too long', { claimMore: 10, ignoreRanges: true }, /connection was cut/],
    ['a file that changes', { changesAt: 2 }, 'changed while it was being read'],
  ])('%s is an io error', async (_, behaviour, message) => {
    server.behave(behaviour);
    const reading = expectReadable(url, { retryDelayMs: 1 });
    await expect(reading).rejects.toMatchObject({ name: 'CheckpointError', code: 'io' });
    await expect(reading).rejects.toThrow(message);
    await expect(reading).rejects.toThrow(url);
  });

  test('a server that is not there is an io error', async () => {
    const gone = new RangeServer(PTH);
    const address = await gone.listen();
    await gone.close();
    await expect(openCheckpoint(address)).rejects.toMatchObject({ code: 'io' });
  });

  test('stops when told to', async () => {
    const controller = new AbortController();
    const checkpoint = await openCheckpoint(url, { signal: controller.signal });
    controller.abort();
    await expect(checkpoint.read('t2')).rejects.toMatchObject({ code: 'io' });
    await checkpoint.close();
  });
});
