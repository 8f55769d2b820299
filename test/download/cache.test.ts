/** What the cache gives out of what it holds, and what stays in its folder. */
import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';

import {
  type Downloadable,
  fetchPretrained,
  type FetchPretrainedOptions,
  removePretrained,
} from '../../src/download/fetch_pretrained';
import { FileServer, partBytes, randomBytes } from './file_server';

const FILE = 'weights.pth';
const LENGTH = 30_000;

let server: FileServer;
let folder: string;
let cacheDir: string;

beforeEach(async () => {
  server = new FileServer(randomBytes(LENGTH, 1));
  await server.listen();
  folder = fs.mkdtempSync(path.join(os.tmpdir(), 'revcol-cache-'));
  cacheDir = path.join(folder, 'cache');
  fs.mkdirSync(cacheDir);
  server.arrived = (bytes) => partBytes(cacheDir, FILE) >= bytes;
});

afterEach(async () => {
  await server.close();
  fs.rmSync(folder, { recursive: true, force: true });
});

const inCache = (name = FILE) => path.join(cacheDir, name);

function record(facts: object = {}, url = `${server.base}/${FILE}`): Downloadable {
  return { fileName: FILE, sources: [{ url, ...facts }] };
}

async function get(what: Downloadable, options: FetchPretrainedOptions = {}): Promise<Buffer> {
  const file = await fetchPretrained(what, { cacheDir, retryDelayMs: 1, retries: 1, ...options });
  return fs.readFileSync(file as string);
}

const offline: typeof fetch = () => Promise.reject(new Error('there is no network'));

describe('another file under the name', () => {
  test('of another address: fetched again, whichever way round', async () => {
    const second = new FileServer(randomBytes(LENGTH, 2));
    await second.listen();
    try {
      const other = record({}, `${second.base}/${FILE}`);
      expect((await get(record())).equals(server.content)).toBe(true);
      expect((await get(other)).equals(second.content)).toBe(true);
      expect((await get(other)).equals(second.content)).toBe(true);
      expect((await get(record())).equals(server.content)).toBe(true);
      expect([server.requests.length, second.requests.length]).toEqual([2, 1]);
    } finally {
      await second.close();
    }
  });

  test('another query is another address; the same checksum is the same file', async () => {
    await get(record({}, `${server.base}/f?id=1`));
    await get(record({}, `${server.base}/f?id=2`));
    expect(server.requests).toHaveLength(2);
    await get(record({ sha256: server.sha256.toUpperCase() }, 'http://127.0.0.1:9/elsewhere'));
    expect(server.requests).toHaveLength(2);
  });

  test('calls at the same time that expect different bytes do not share', async () => {
    const [right, wrong] = await Promise.allSettled([
      get(record({ sha256: server.sha256 })),
      get(record({ sha256: '0'.repeat(64) })),
    ]);
    expect(right).toEqual({ status: 'fulfilled', value: server.content });
    expect(wrong).toMatchObject({ status: 'rejected', reason: { code: 'checksum' } });
    expect(fs.readFileSync(inCache()).equals(server.content)).toBe(true);
  });

  test('stays until the right one is whole, and the error says why it was not used', async () => {
    fs.writeFileSync(inCache(), 'of another time');
    const failed = get(record({ sha256: server.sha256 }), { fetch: offline });
    await expect(failed).rejects.toMatchObject({
      code: 'network',
      message: expect.stringMatching(/weights\.pth in the cache is not the one.*no network/s),
    });
    expect(fs.readFileSync(inCache(), 'utf8')).toBe('of another time');
    expect((await get(record({ sha256: server.sha256 }))).equals(server.content)).toBe(true);
  });
});

describe('a file that was damaged in the cache', () => {
  const damages: [string, (file: string) => void][] = [
    ['cut to nothing', (file) => fs.truncateSync(file, 0)],
    ['cut', (file) => fs.truncateSync(file, 3)],
    ['longer', (file) => fs.appendFileSync(file, 'x')],
    ['zeros at its end', (file) => zeros(file)],
    ['zeros at its end, with the old date', (file) => keepingDate(file, () => zeros(file))],
  ];
  const zeros = (file: string) => {
    const handle = fs.openSync(file, 'r+');
    fs.writeSync(handle, Buffer.alloc(100), 0, 100, LENGTH - 100);
    fs.closeSync(handle);
  };
  const keepingDate = (file: string, change: () => void) => {
    const { atime, mtime } = fs.statSync(file);
    change();
    fs.utimesSync(file, atime, mtime);
  };
  const facts: [string, () => object][] = [
    ['nothing', () => ({})],
    ['its length', () => ({ bytes: LENGTH })],
    ['its checksum', () => ({ sha256: server.sha256 })],
  ];
  test.each(
    damages.flatMap(([damage, apply]) => facts.map(([known, f]) => ({ damage, known, apply, f }))),
  )('$damage, of which $known is known, is fetched again', async ({ apply, f }) => {
    await get(record(f()));
    apply(inCache());
    expect((await get(record(f()))).equals(server.content)).toBe(true);
    expect(server.requests).toHaveLength(2);
    expect((await get(record(f()))).equals(server.content)).toBe(true);
    expect(server.requests).toHaveLength(2);
  });

  test('one that was only touched is not', async () => {
    await get(record());
    fs.utimesSync(inCache(), 1, 1);
    expect((await get(record(), { fetch: offline })).equals(server.content)).toBe(true);
  });
});

describe('files of 0.1.0, of which nothing is noted', () => {
  beforeEach(() => fs.writeFileSync(inCache(), server.content));

  test.each<[string, () => object]>([
    ['checksum', () => ({ sha256: server.sha256 })],
    ['length', () => ({ bytes: LENGTH })],
  ])('are used without a request when the %s is right', async (_, facts) => {
    const what = record(facts());
    expect((await get(what, { fetch: offline })).equals(server.content)).toBe(true);
    // Of a file whose checksum was computed that is not done again.
    const note = JSON.parse(fs.readFileSync(inCache(`${FILE}.note`), 'utf8')) as object;
    expect(note).toMatchObject({ bytes: LENGTH, ...facts() });
  });

  test('are used when they are about as long as was published', async () => {
    const what = { ...record(), approximateBytes: 30_100 };
    expect((await get(what, { fetch: offline })).equals(server.content)).toBe(true);
  });

  test('of which nothing is known are used when the server has a file of that length', async () => {
    expect((await get(record())).equals(server.content)).toBe(true);
    expect((await get(record(), { fetch: offline })).equals(server.content)).toBe(true);
    fs.rmSync(inCache(`${FILE}.note`));
    await expect(get(record(), { fetch: offline })).rejects.toMatchObject({
      code: 'network',
      message: expect.stringContaining('kept by an earlier version'),
    });
    fs.truncateSync(inCache(), 100);
    expect((await get(record())).equals(server.content)).toBe(true);
  });

  test('are not used when wrong', async () => {
    fs.writeFileSync(inCache(), randomBytes(LENGTH, 5));
    expect((await get(record({ sha256: server.sha256 }))).equals(server.content)).toBe(true);
    fs.rmSync(inCache(`${FILE}.note`));
    fs.writeFileSync(inCache(), '<!doctype html><p>Log in'.padEnd(LENGTH));
    expect((await get(record({ bytes: LENGTH }))).equals(server.content)).toBe(true);
  });

  test('a cache that can only be read works', async () => {
    if (process.getuid?.() === 0) return; // Nothing is read-only to root.
    fs.chmodSync(cacheDir, 0o500);
    try {
      const what = record({ sha256: server.sha256 });
      expect((await get(what, { fetch: offline })).equals(server.content)).toBe(true);
    } finally {
      fs.chmodSync(cacheDir, 0o700);
    }
  });
});

describe('pages in place of files', () => {
  const PAGES = [
    '<html>Please log in</html>',
    '\n <!DOCTYPE html>\n<html lang="en">',
    '<!-- x --><HTML>',
  ];
  const serve =
    (page: string, headers: Record<string, string> = {}): typeof fetch =>
    async () =>
      new Response(page, { headers: { 'content-length': String(page.length), ...headers } });

  test.each(PAGES)('%j is not taken for a checkpoint, whatever its type', async (page) => {
    for (const type of ['text/html; charset=utf-8', 'application/octet-stream']) {
      const failed = get(record(), { fetch: serve(page, { 'content-type': type }) });
      await expect(failed).rejects.toMatchObject({ code: 'http' });
    }
    expect(fs.readdirSync(cacheDir)).toEqual([]);
  });

  test('a source without a checksum is held to that of another', async () => {
    for (const order of [1, -1]) {
      const sources = [
        { url: `${server.base}/a`, sha256: '1'.repeat(64) },
        { url: `${server.base}/b` },
      ];
      const what = { fileName: FILE, sources: order > 0 ? sources : sources.reverse() };
      await expect(get(what)).rejects.toMatchObject({ code: 'checksum' });
    }
    const length = { url: `${server.base}/a`, bytes: LENGTH + 1 };
    const sources = [length, { url: `${server.base}/b` }];
    await expect(get({ fileName: FILE, sources })).rejects.toMatchObject({ code: 'size' });
    expect(fs.readdirSync(cacheDir)).toEqual([]);
  });

  test('a page does not cost what has arrived of the file', async () => {
    server.faults = [{ cutAfter: 10_000 }];
    await expect(get(record(), { retries: 0 })).rejects.toMatchObject({ code: 'network' });
    const page = serve(PAGES[0] as string, { 'content-type': 'text/html' });
    await expect(get(record(), { fetch: page })).rejects.toMatchObject({ code: 'http' });
    expect((await get(record())).equals(server.content)).toBe(true);
    expect(server.requests.at(-1)).toMatch(/bytes=[1-9]/);
  });

  test('a page that is wanted is one', async () => {
    const what = { fileName: 'report.html', sources: [{ url: 'http://127.0.0.1:9/' }] };
    const page = PAGES[0] as string;
    const headers = { 'content-type': 'text/html' };
    expect(String(await get(what, { fetch: serve(page, headers) }))).toBe(page);
  });
});

test.each([
  [{ sha256: 'abc' }, 'expected 64 hexadecimal digits'],
  [{ bytes: -1 }, 'expected the exact length'],
  [{ bytes: Number.NaN }, 'expected the exact length'],
])('facts that are none: %j', async (facts, message) => {
  await expect(get(record(facts))).rejects.toThrow(message);
  expect(server.requests).toEqual([]);
});

test('sources that contradict each other', async () => {
  const sources = [1, 2].map((digit) => ({ url: server.base, sha256: String(digit).repeat(64) }));
  await expect(get({ fileName: FILE, sources })).rejects.toThrow('state different sha256');
});

describe('the folder is not left', () => {
  const NAMES = [
    '../escaped',
    '../../escaped',
    'a/b',
    'a\\b',
    '/tmp/escaped',
    '..',
    '.',
    '',
    'a\0b',
  ];
  const BESIDE = ['w.lock', 'w.note', 'w.part', 'w.part.json'];

  test.each([...NAMES, ...BESIDE, 'x'.repeat(300)])('fileName %j', async (fileName) => {
    const precious = path.join(folder, 'escaped');
    fs.writeFileSync(precious, 'precious');
    const what = { fileName, sources: [{ url: `${server.base}/x` }] };
    await expect(get(what)).rejects.toThrow('expected the plain name of a file');
    await expect(removePretrained(what, { cacheDir })).rejects.toThrow('expected the plain name');
    expect(fs.readFileSync(precious, 'utf8')).toBe('precious');
    expect(fs.readdirSync(folder).sort()).toEqual(['cache', 'escaped']);
    expect(server.requests).toEqual([]);
  });

  test.each(['weights v2.pth', 'ünïcode.bin', '..hidden', 'w.lock.pth', 'w.parts'])(
    'fileName %j is one',
    async (fileName) => {
      const what = { fileName, sources: [{ url: `${server.base}/x` }] };
      expect((await get(what)).equals(server.content)).toBe(true);
      await removePretrained(what, { cacheDir });
      expect(fs.readdirSync(cacheDir)).toEqual([]);
    },
  );

  test.each(['.part', '.part.json', '.part.json.new', '.note', '.lock', ''])(
    'a link at NAME%s is not followed',
    async (ending) => {
      const target = path.join(folder, 'target');
      fs.writeFileSync(target, 'precious');
      fs.symlinkSync(target, inCache(`${FILE}${ending}`));
      if (ending === '.lock') fs.lutimesSync(inCache(`${FILE}.lock`), 1, 1);
      expect((await get(record({ sha256: server.sha256 }))).equals(server.content)).toBe(true);
      await removePretrained(record(), { cacheDir });
      expect(fs.readFileSync(target, 'utf8')).toBe('precious');
      expect(fs.readdirSync(cacheDir)).toEqual([]);
    },
  );

  test('a part of 0.1.0 with a second name keeps its bytes, and is continued', async () => {
    const other = path.join(folder, 'other');
    fs.writeFileSync(other, server.content.subarray(0, 1000));
    fs.linkSync(other, inCache(`${FILE}.part`));
    const note = {
      url: `${server.base}/${FILE}`,
      validator: '"v1"',
      total: LENGTH,
      received: 1000,
    };
    fs.writeFileSync(inCache(`${FILE}.part.json`), JSON.stringify(note));
    expect((await get(record())).equals(server.content)).toBe(true);
    expect(server.requests[0]).toContain('bytes=1000-');
    expect(fs.readFileSync(other).equals(server.content.subarray(0, 1000))).toBe(true);
  });
});

test('secrets of an address are neither printed nor kept', async () => {
  const secrets = { url: `${server.base}/f?token=hush`, sha256: '0'.repeat(64) };
  const told = async (what: Downloadable, options?: FetchPretrainedOptions) => {
    const error = await get(what, options).catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(Error);
    const { message, details, cause } = error as Error & { details: object };
    return JSON.stringify([message, details, String(cause)]);
  };
  for (const status of [404, 403, 500, undefined]) {
    server.faults = status === undefined ? [] : [{ status }, { status }, { status }];
    expect(await told({ fileName: FILE, sources: [secrets] })).not.toContain('hush');
  }
  const withUser = record({}, `http://user:hush@127.0.0.1:${new URL(server.base).port}/f`);
  expect(await told(withUser)).not.toContain('hush');
  server.faults = [{ cutAfter: 100 }];
  expect(await told(record({}, secrets.url), { retries: 0 })).not.toContain('hush');
  await get(record({}, secrets.url));
  for (const name of fs.readdirSync(cacheDir)) {
    expect(fs.readFileSync(inCache(name), 'latin1')).not.toContain('hush');
  }
});
