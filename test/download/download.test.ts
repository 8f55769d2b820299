import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';

import { DownloadError } from '../../src/download/errors';
import {
  type Downloadable,
  type DownloadProgress,
  fetchPretrained,
  type FetchPretrainedOptions,
  removePretrained,
} from '../../src/download/fetch_pretrained';
import { FileServer, partBytes, randomBytes } from './file_server';

const FILE = 'weights.pth';
const LENGTH = 300_000;

let server: FileServer;
let cacheDir: string;

beforeEach(async () => {
  server = new FileServer(randomBytes(LENGTH, 1));
  await server.listen();
  cacheDir = fs.mkdtempSync(path.join(os.tmpdir(), 'revcol-cache-'));
  server.arrived = (bytes) => partBytes(cacheDir, FILE) >= bytes;
});

afterEach(async () => {
  await server.close();
  fs.rmSync(cacheDir, { recursive: true, force: true });
});

function record(facts: { bytes?: number; sha256?: string } = {}): Downloadable {
  return { fileName: FILE, sources: [{ url: `${server.base}/${FILE}`, ...facts }] };
}

async function download(
  what: Downloadable = record(),
  options: FetchPretrainedOptions = {},
): Promise<Buffer> {
  const file = await fetchPretrained(what, { cacheDir, retryDelayMs: 1, retries: 3, ...options });
  expect(file).toBe(path.join(cacheDir, FILE));
  return fs.readFileSync(file as string);
}

async function failure(promise: Promise<unknown>): Promise<DownloadError> {
  const error = await promise.then(
    () => {
      throw new Error('the download went well');
    },
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(DownloadError);
  expect(fs.existsSync(path.join(cacheDir, FILE))).toBe(false);
  return error as DownloadError;
}

const ranges = () => server.requests.map((request) => request.split(' ')[2]);

describe('a good server', () => {
  test('one request, then the cache; only the file is left', async () => {
    const progress: DownloadProgress[] = [];
    const facts = { bytes: LENGTH, sha256: server.sha256 };
    const got = await download(record(facts), { onProgress: (p) => progress.push(p) });
    expect(got.equals(server.content)).toBe(true);
    expect(progress.at(-1)).toEqual({ fileName: FILE, loaded: LENGTH, total: LENGTH });
    expect(fs.readdirSync(cacheDir)).toEqual([FILE, `${FILE}.note`]);
    expect((await download(record(facts))).equals(server.content)).toBe(true);
    expect(server.requests).toHaveLength(1);
  });

  test('the environment names the folder, and removePretrained empties it', async () => {
    const before = process.env.TFJS_REVCOL_CACHE;
    process.env.TFJS_REVCOL_CACHE = path.join(cacheDir, 'deep', 'er');
    try {
      const file = await fetchPretrained(record());
      expect(file).toBe(path.join(cacheDir, 'deep', 'er', FILE));
      await removePretrained(record());
      expect(fs.readdirSync(path.dirname(file as string))).toEqual([]);
    } finally {
      if (before === undefined) delete process.env.TFJS_REVCOL_CACHE;
      else process.env.TFJS_REVCOL_CACHE = before;
    }
  });

  test('baseUrl replaces every address and keeps the checksum', async () => {
    const what: Downloadable = {
      fileName: FILE,
      sources: [
        { url: 'http://127.0.0.1:9/away', sha256: server.sha256 },
        { url: 'http://127.0.0.1:9/gone' },
      ],
    };
    const got = await download(what, { baseUrl: `${server.base}/mirror/` });
    expect(got.equals(server.content)).toBe(true);
    expect(server.requests).toEqual([`GET /mirror/${FILE} - -`]);
    fs.rmSync(path.join(cacheDir, FILE));
    server.content = randomBytes(LENGTH, 2);
    const error = await failure(download(what, { baseUrl: `${server.base}/mirror` }));
    expect(error.code).toBe('checksum');
  });

  test('the fetch that is given is used', async () => {
    const seen: string[] = [];
    const wrapped: typeof fetch = (input, init) => {
      seen.push(String(input));
      return fetch(input, init);
    };
    await download(record(), { fetch: wrapped });
    expect(seen).toEqual([`${server.base}/${FILE}`]);
  });

  test('an empty file is a file', async () => {
    server.content = Buffer.alloc(0);
    expect(await download()).toHaveLength(0);
  });
});

describe('cut connections', () => {
  test('each retry continues where the last one stopped', async () => {
    server.faults = [{ cutAfter: 100_000 }, { cutAfter: 50_000 }, { cutAfter: 1 }];
    const got = await download(record());
    expect(got.equals(server.content)).toBe(true);
    expect(ranges()).toEqual(['-', 'bytes=100000-', 'bytes=150000-', 'bytes=150001-']);
    expect(server.requests[1]).toContain('"v1"');
  });

  test('progress resets the count of retries', async () => {
    server.faults = Array.from({ length: 10 }, () => ({ cutAfter: 10_000 }));
    expect((await download(record(), { retries: 1 })).equals(server.content)).toBe(true);
    expect(server.requests).toHaveLength(11);
  });

  test('a later call continues what an earlier one had to give up', async () => {
    server.faults = [{ cutAfter: 70_000 }, { cutAfter: 0 }, { cutAfter: 0 }];
    const error = await failure(download(record(), { retries: 1 }));
    expect(error.code).toBe('network');
    expect(error.message).toContain('70000 bytes');
    server.faults = [];
    expect((await download()).equals(server.content)).toBe(true);
    expect(ranges().at(-1)).toBe('bytes=70000-');
    expect(fs.readdirSync(cacheDir)).toEqual([FILE, `${FILE}.note`]);
  });

  test('no server at all', async () => {
    const what = record();
    await server.close();
    const error = await failure(download(what, { retries: 2 }));
    expect(error.code).toBe('network');
    expect(error.message).toContain('3 attempts');
    expect(error.message.split('http://')).toHaveLength(2);
    server = new FileServer(randomBytes(1, 1));
    await server.listen();
  });

  test('a server that falls silent is dropped and asked again', async () => {
    server.faults = [{ hangAfter: 40_000 }];
    expect((await download(record(), { stallTimeoutMs: 300 })).equals(server.content)).toBe(true);
    expect(ranges()).toEqual(['-', 'bytes=40000-']);
  });
});

describe('ranges and versions', () => {
  test('a server that ignores ranges restarts the file', async () => {
    server.faults = [{ cutAfter: 100_000 }, { ignoreRange: true }];
    expect((await download()).equals(server.content)).toBe(true);
  });

  test('a server that always ignores ranges and always cuts is given up', async () => {
    server.faults = Array.from({ length: 20 }, () => ({ cutAfter: 100_000, ignoreRange: true }));
    const error = await failure(download());
    expect(error.code).toBe('network');
    expect(server.requests.length).toBeLessThan(8);
  });

  const change = () => {
    server.etag = '"v2"';
    server.content = randomBytes(LENGTH, 7);
  };

  test('a file that changes between tries is begun anew', async () => {
    server.faults = [{ cutAfter: 100_000 }, { before: change }];
    expect((await download()).equals(server.content)).toBe(true);
  });

  test('also when the server ignores If-Range', async () => {
    server.faults = [{ cutAfter: 100_000 }, { before: change, ignoreIfRange: true }];
    expect((await download()).equals(server.content)).toBe(true);
    expect(ranges()).toEqual(['-', 'bytes=100000-', '-']);
  });

  test('a shorter new version does not keep the tail of the old one', async () => {
    server.faults = [
      { cutAfter: 250_000 },
      {
        before: () => {
          server.etag = '"v2"';
          server.content = randomBytes(100_000, 9);
        },
      },
    ];
    expect((await download()).equals(server.content)).toBe(true);
  });

  test('a range that starts elsewhere is refused', async () => {
    server.faults = [{ cutAfter: 100_000 }, { shiftRange: 5 }];
    expect((await download()).equals(server.content)).toBe(true);
    expect(ranges()).toEqual(['-', 'bytes=100000-', '-']);
  });

  test('without ETag and checksum nothing is continued', async () => {
    server.etag = undefined;
    server.faults = [{ cutAfter: 100_000 }];
    expect((await download()).equals(server.content)).toBe(true);
    expect(ranges()).toEqual(['-', '-']);
  });

  test('under a checksum bytes without ETag are continued, and begun anew if they prove wrong', async () => {
    server.etag = undefined;
    const target = randomBytes(LENGTH, 7);
    const other = randomBytes(LENGTH, 8);
    const sha256 = (() => {
      server.content = target;
      return server.sha256;
    })();
    server.content = other;
    server.faults = [{ cutAfter: 100_000 }, { before: () => (server.content = target) }];
    expect((await download(record({ sha256 }))).equals(target)).toBe(true);
    expect(ranges()).toEqual(['-', 'bytes=100000-', '-']);
  });

  test('weak ETags are no ground to continue on', async () => {
    server.etag = 'W/"v1"';
    server.faults = [{ cutAfter: 100_000 }];
    expect((await download()).equals(server.content)).toBe(true);
    expect(ranges()).toEqual(['-', '-']);
  });
});

describe('wrong lengths', () => {
  test('less than announced, again and again', async () => {
    server.faults = Array.from({ length: 9 }, () => ({
      claimLength: LENGTH + 10,
      ignoreRange: true,
      cutAfter: LENGTH,
    }));
    const error = await failure(download());
    expect(error.code).toBe('network');
    // How many arrive before the cut is up to the network.
    expect(error.message).toMatch(new RegExp(`after \\d+ of ${LENGTH + 10} bytes`));
  });

  test('another length than published is refused before the body', async () => {
    const error = await failure(download(record({ bytes: LENGTH + 1 })));
    expect(error.code).toBe('size');
    expect(error.message).toContain(`${LENGTH}`);
    expect(error.message).toContain(`${LENGTH + 1}`);
  });

  test('without Content-Length: fine with a known length or checksum, else refused', async () => {
    server.faults = [{ noLength: true }];
    expect((await failure(download())).code).toBe('size');
    server.faults = [{ noLength: true }];
    expect((await download(record({ bytes: LENGTH }))).equals(server.content)).toBe(true);
    fs.rmSync(path.join(cacheDir, FILE));
    server.faults = [{ noLength: true }];
    const got = await download(record({ sha256: server.sha256 }));
    expect(got.equals(server.content)).toBe(true);
  });

  test.each([
    ['short', LENGTH + 1],
    ['long', LENGTH - 1],
  ])('without Content-Length and too %s', async (_, bytes) => {
    server.faults = [{ noLength: true }];
    const error = await failure(download(record({ bytes })));
    expect(error.code).toBe('size');
  });

  test('a wrong checksum throws the download away', async () => {
    const error = await failure(download(record({ sha256: '0'.repeat(64) })));
    expect(error.code).toBe('checksum');
    expect(error.message).toContain(server.sha256);
    expect(fs.readdirSync(cacheDir)).toEqual([]);
    expect(server.requests).toHaveLength(1);
  });
});

describe('statuses', () => {
  test.each([404, 410])('%i is final and says so', async (status) => {
    server.faults = [{ status }];
    const error = await failure(download());
    expect(error.code).toBe('not-found');
    expect(error.details).toMatchObject({ status, url: `${server.base}/${FILE}` });
    expect(server.requests).toHaveLength(1);
  });

  test('403 is final', async () => {
    server.faults = [{ status: 403 }];
    const error = await failure(download());
    expect(error.code).toBe('http');
    expect(server.requests).toHaveLength(1);
  });

  test.each([500, 503, 429])('%i is tried again', async (status) => {
    server.faults = [{ status }, { status, headers: { 'retry-after': '0' } }];
    expect((await download()).equals(server.content)).toBe(true);
    expect(server.requests).toHaveLength(3);
  });

  test('500 for ever is given up', async () => {
    server.faults = Array.from({ length: 9 }, () => ({ status: 500 }));
    const error = await failure(download());
    expect(error).toMatchObject({ code: 'network', details: { status: 500 } });
    expect(server.requests).toHaveLength(4);
  });

  test('the next address is tried; a part of the first is not mixed in', async () => {
    const second = new FileServer(randomBytes(LENGTH, 3));
    await second.listen();
    try {
      server.faults = [{ cutAfter: 100_000 }, { status: 404 }];
      const what = {
        fileName: FILE,
        sources: [{ url: `${server.base}/a` }, { url: `${second.base}/b` }],
      };
      expect((await download(what)).equals(second.content)).toBe(true);
      fs.rmSync(path.join(cacheDir, FILE));
      server.faults = [{ status: 404 }];
      second.faults = [{ status: 404 }];
      const error = await failure(download(what));
      expect(error.code).toBe('not-found');
      expect(error.message).toContain(`${server.base}/a`);
      expect(error.message).toContain(`${second.base}/b`);
    } finally {
      await second.close();
    }
  });
});

describe('callers', () => {
  test('concurrent calls share one download', async () => {
    const results = await Promise.all([download(), download(), download()]);
    for (const result of results) expect(result.equals(server.content)).toBe(true);
    expect(server.requests).toHaveLength(1);
  });

  test('one caller leaving does not stop the others; the last one leaving does', async () => {
    server.faults = [{ hangAfter: 40_000 }];
    const leaving = new AbortController();
    const left = download(record(), { signal: leaving.signal, stallTimeoutMs: 600 });
    const staying = download(record());
    setTimeout(() => leaving.abort(new Error('enough')), 100);
    await expect(left).rejects.toThrow('enough');
    expect((await staying).equals(server.content)).toBe(true);

    fs.rmSync(path.join(cacheDir, FILE));
    server.faults = [{ hangAfter: 40_000 }];
    const only = new AbortController();
    const stopped = download(record(), {
      signal: only.signal,
      // Not after a time: a busy machine might not have received a byte by then.
      onProgress: ({ loaded }) => {
        if (loaded >= 40_000) only.abort();
      },
    });
    await expect(stopped).rejects.toMatchObject({ name: 'AbortError' });
    expect(fs.existsSync(path.join(cacheDir, FILE))).toBe(false);
    expect((await download()).equals(server.content)).toBe(true);
    expect(ranges().at(-1)).toBe('bytes=40000-');
  });

  test('an aborted signal asks for nothing', async () => {
    const signal = AbortSignal.abort();
    await expect(download(record(), { signal })).rejects.toMatchObject({ name: 'AbortError' });
    expect(server.requests).toHaveLength(0);
  });

  test('a progress callback that throws ends the download with its error', async () => {
    const onProgress = () => {
      throw new RangeError('my bug');
    };
    await expect(download(record(), { onProgress })).rejects.toThrow('my bug');
    expect(server.requests).toHaveLength(1);
  });

  test('a folder that cannot be written', async () => {
    const blocked = path.join(cacheDir, 'file');
    fs.writeFileSync(blocked, '');
    const error = await failure(
      fetchPretrained(record(), { cacheDir: path.join(blocked, 'inside'), retryDelayMs: 1 }),
    );
    expect(error.code).toBe('storage');
    expect(error.message).toContain('TFJS_REVCOL_CACHE');
  });

  test('a part with a damaged note is not trusted', async () => {
    fs.writeFileSync(path.join(cacheDir, `${FILE}.part`), randomBytes(1000, 5));
    fs.writeFileSync(path.join(cacheDir, `${FILE}.part.json`), '{"url": 3');
    expect((await download()).equals(server.content)).toBe(true);
    fs.rmSync(path.join(cacheDir, FILE));
    fs.writeFileSync(path.join(cacheDir, `${FILE}.part`), randomBytes(10, 5));
    const url = `${server.base}/${FILE}`;
    const note = { url, validator: '"v1"', total: LENGTH, received: 1000 };
    fs.writeFileSync(path.join(cacheDir, `${FILE}.part.json`), JSON.stringify(note));
    expect((await download()).equals(server.content)).toBe(true);
    expect(ranges()).toEqual(['-', '-']);
  });
});
