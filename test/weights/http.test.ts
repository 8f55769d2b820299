/** Reading a checkpoint over HTTP: one version of the file, the ranges asked for, and patience. */
import * as http from 'node:http';
import type { AddressInfo } from 'node:net';
import * as zlib from 'node:zlib';

import type { CheckpointError } from '../../src/weights/errors';
import { openCheckpoint, type OpenOptions } from '../../src/weights/open_checkpoint';
import { safetensorsOf } from './support/small_checkpoint';

/** More than two windows of 4 MiB, so that one file takes several requests. */
const ELEMENTS = 1_200_000;

/** A file of two tensors that hold `value` throughout. */
async function fileOf(value: number): Promise<Buffer> {
  const data = new Float32Array(ELEMENTS).fill(value);
  const blob = await safetensorsOf(['a', 'b'].map((name) => ({ name, shape: [ELEMENTS], data })));
  return Buffer.from(await blob.arrayBuffer());
}

interface Asked {
  /** Counted from 1; the first is the probe. */
  number: number;
  method: string;
  headers: http.IncomingHttpHeaders;
  range: readonly [first: number, last: number] | undefined;
}
type Handler = (asked: Asked, response: http.ServerResponse) => unknown;

let one: Buffer;
let two: Buffer;
let url: string;
let handler: Handler;
let asked: Asked[] = [];
const server = http.createServer((request, response) => {
  const match = /^bytes=(\d+)-(\d+)$/.exec(request.headers.range ?? '');
  const range = match ? ([Number(match[1]), Number(match[2])] as const) : undefined;
  const { method = '', headers } = request;
  asked.push({ number: asked.length + 1, method, headers, range });
  handler(asked.at(-1) as Asked, response);
});

beforeAll(async () => {
  [one, two] = [await fileOf(1), await fileOf(2)];
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/best.safetensors`;
});
afterAll(async () => {
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
});

type Headers = Record<string, string>;

/** Answers as a server should: the range, or the whole file where none is asked for. */
function send(
  { range, method }: Pick<Asked, 'range' | 'method'>,
  response: http.ServerResponse,
  body: Buffer,
  headers: Headers = {},
): void {
  const last = range && Math.min(range[1], body.length - 1);
  const part = range ? body.subarray(range[0], (last as number) + 1) : body;
  response.writeHead(range ? 206 : 200, {
    'content-length': String(part.length),
    ...(range ? { 'content-range': `bytes ${range[0]}-${last}/${body.length}` } : {}),
    ...headers,
  });
  response.end(method === 'HEAD' ? undefined : part);
}

/** Answers with `If-Range` heeded. */
function sendIfSame(a: Asked, response: http.ServerResponse, body: Buffer, etag: string): void {
  const wanted = a.headers['if-range'];
  const range = wanted === undefined || wanted === etag ? a.range : undefined;
  send({ ...a, range }, response, body, { etag });
}

/** Every value of the file, once. */
async function read(options: OpenOptions = {}): Promise<number[]> {
  const checkpoint = await openCheckpoint(url, { retryDelayMs: 1, ...options });
  try {
    const seen = new Set<number>();
    for (const name of checkpoint.entries.keys()) {
      let last: number | undefined;
      for (const value of await checkpoint.read(name)) if (value !== last) seen.add((last = value));
    }
    return [...seen];
  } finally {
    await checkpoint.close();
  }
}

function serve(next: Handler): void {
  handler = next;
  asked = [];
}

async function failure(options: OpenOptions = {}): Promise<CheckpointError> {
  const error = await read(options).then(
    (values) => new Error(`read ${values.join()}`),
    (thrown: unknown) => thrown,
  );
  expect(error).toMatchObject({ name: 'CheckpointError', code: 'io' });
  expect((error as Error).message).toContain(url);
  return error as CheckpointError;
}

describe('a file that is replaced by one of the same size while it is read', () => {
  const CHANGED = 'changed while it was being read';
  /** What the server says of the two versions. */
  const VERSIONS: Record<string, [before: Headers, after: Headers]> = {
    'strong ETags': [{ etag: '"1"' }, { etag: '"2"' }],
    'weak ETags': [{ etag: 'W/"1"' }, { etag: 'W/"2"' }],
    'equal weak ETags with other dates': [
      { etag: 'W/"1"', 'last-modified': 'Fri, 27 Nov 2026 00:00:00 GMT' },
      { etag: 'W/"1"', 'last-modified': 'Fri, 27 Nov 2026 00:00:01 GMT' },
    ],
    'dates alone': [
      { 'last-modified': 'Fri, 27 Nov 2026 00:00:00 GMT' },
      { 'last-modified': 'Fri, 27 Nov 2026 00:00:01 GMT' },
    ],
    'an ETag, then nothing': [{ etag: '"1"' }, {}],
    'a date, then nothing': [{ 'last-modified': 'Fri, 27 Nov 2026 00:00:00 GMT' }, {}],
  };

  test.each(Object.entries(VERSIONS))('told by %s', async (_, [before, after]) => {
    for (const at of [2, 3]) {
      serve((a, r) => (a.number < at ? send(a, r, one, before) : send(a, r, two, after)));
      expect((await failure()).message).toContain(CHANGED);
      // It would be the same again: nothing is asked twice.
      expect(asked).toHaveLength(at);
    }
  });

  test.each([
    [
      'all of the other version, as If-Range wants',
      (a: Asked, r: http.ServerResponse) => sendIfSame(a, r, two, '"2"'),
    ],
    ['412', (_: Asked, r: http.ServerResponse) => r.writeHead(412).end()],
    ['416', (_: Asked, r: http.ServerResponse) => r.writeHead(416).end()],
  ] as [string, Handler][])('told by %s', async (_, then) => {
    serve((a, r) => (a.number < 3 ? sendIfSame(a, r, one, '"1"') : then(a, r)));
    expect((await failure()).message).toContain(CHANGED);
    expect(asked[2]?.headers['if-range']).toBe('"1"');
  });

  test('weak ETags and dates are compared, but not sent: servers need not take them', async () => {
    serve((a, r) =>
      send(a, r, one, { etag: 'W/"1"', 'last-modified': 'Fri, 27 Nov 2026 00:00:00 GMT' }),
    );
    expect(await read()).toEqual([1]);
    expect(asked.filter(({ headers }) => headers['if-range'] !== undefined)).toEqual([]);
  });

  test('servers that say nothing of versions are believed', async () => {
    serve((a, r) => send(a, r, one));
    expect(await read()).toEqual([1]);
  });

  test('a server that answers If-Range with all of it, though it fits, is asked without', async () => {
    serve((a, r) =>
      send({ ...a, range: a.headers['if-range'] === undefined ? a.range : undefined }, r, one, {
        etag: '"1"',
      }),
    );
    expect(await read()).toEqual([1]);
    expect(asked.filter(({ headers }) => headers['if-range'] !== undefined)).toHaveLength(1);
  });
});

describe('ranges', () => {
  const shifted =
    (by: number): Handler =>
    (a, r) => {
      const [first, last] = a.range as [number, number];
      send({ ...a, range: [first + by, last + by] }, r, one);
    };

  test('other ones than asked for are not taken, and asked for again', async () => {
    serve((a, r) => (a.number === 3 ? shifted(1024)(a, r) : send(a, r, one)));
    expect(await read()).toEqual([1]);
    const [, , third, fourth] = asked;
    expect(fourth?.range).toEqual(third?.range);
    serve((a, r) => (a.number >= 3 ? shifted(4)(a, r) : send(a, r, one)));
    const [first = 0, last = 0] = third?.range ?? [];
    expect((await failure({ retries: 2 })).message).toContain(
      `asked for bytes ${first}-${last}, got bytes ${first + 4}-${last + 4}/${one.length}`,
    );
    expect(asked).toHaveLength(5);
    serve(shifted(8));
    expect((await failure({ retries: 0 })).message).toContain(
      'asked for bytes 0-1023, got bytes 8-',
    );
  });

  test('longer ones than asked for are not taken either', async () => {
    serve((a, r) => {
      const [first, last] = a.range as [number, number];
      send({ ...a, range: [first, last + (a.number === 2 ? 1 : 0)] }, r, one);
    });
    expect(await read()).toEqual([1]);
  });

  test('shorter ones are taken, and the rest asked for', async () => {
    serve((a, r) => {
      const [first, last] = a.range as [number, number];
      send({ ...a, range: [first, Math.min(last, first + 1_000_000)] }, r, one);
    });
    expect(await read()).toEqual([1]);
  });

  test.each([
    ['no Content-Range', {}, 'Content-Range is missing'],
    ['several ranges', { 'content-type': 'multipart/byteranges; boundary=x' }, 'missing'],
    ['one in other units', { 'content-range': 'pages 1-2/3' }, 'Content-Range is pages 1-2/3'],
  ])('an answer with %s is refused', async (_, headers, message) => {
    serve((a, r) => {
      const [first, last] = a.range as [number, number];
      if (a.number < 2) send(a, r, one);
      else r.writeHead(206, headers).end(one.subarray(first, last + 1));
    });
    expect((await failure()).message).toContain(message);
  });

  test('pages that are not shown Content-Range go by the length of the answer', async () => {
    // What fetch gives in a page on another origin, of a server that does not expose its headers.
    const crossOrigin: typeof fetch = async (input, init) => {
      const answer = await fetch(input, init);
      const headers = new Headers(answer.headers);
      for (const name of ['content-range', 'etag']) headers.delete(name);
      const { status } = answer;
      const hidden = new Response(answer.body, { status, headers });
      Object.defineProperty(hidden, 'type', { value: 'cors' });
      return hidden;
    };
    const date = { 'last-modified': 'Fri, 27 Nov 2026 00:00:00 GMT', etag: '"1"' };
    serve((a, r) => send(a, r, one, date));
    expect(await read({ fetch: crossOrigin })).toEqual([1]);
    expect(asked.map(({ method }) => method).slice(0, 3)).toEqual(['GET', 'HEAD', 'GET']);
    // The date is always shown.
    const later = { 'last-modified': 'Fri, 27 Nov 2026 00:00:07 GMT', etag: '"2"' };
    serve((a, r) => (a.number < 4 ? send(a, r, one, date) : send(a, r, two, later)));
    expect((await failure({ fetch: crossOrigin })).message).toContain('changed while');
  });

  test('a server that comes to ignore them is told off, after a few tries', async () => {
    serve((a, r) => send({ ...a, range: a.number < 3 ? a.range : undefined }, r, one));
    expect((await failure({ retries: 2 })).message).toContain('the server ignored the range');
    serve((a, r) => send({ ...a, range: a.number === 3 ? undefined : a.range }, r, one));
    expect(await read()).toEqual([1]);
  });

  test('a server that never knew them gives all of it, with a warning where that is much', async () => {
    const warn = jest.spyOn(console, 'warn').mockImplementation(() => undefined);
    try {
      serve((_, r) => send({ method: 'GET', range: undefined }, r, one));
      expect(await read()).toEqual([1]);
      expect(warn).not.toHaveBeenCalled();
      serve((_, r) => r.writeHead(200).end(one));
      expect(await read()).toEqual([1]);
      expect(warn).toHaveBeenCalledWith(expect.stringContaining('the server ignores ranges'));
    } finally {
      warn.mockRestore();
    }
  });
});

describe('compression', () => {
  test('is asked not to be, and where it is all the same, that is said', async () => {
    const packed = zlib.gzipSync(one, { level: 1 });
    serve((a, r) => send(a, r, packed, { 'content-encoding': 'gzip' }));
    expect((await failure()).message).toContain(
      'the server compresses what it sends (Content-Encoding: gzip)',
    );
    expect(asked).toHaveLength(1);
    // fetch says so by itself, too, where it keeps to its standard.
    expect(asked[0]?.headers['accept-encoding']).toMatch(/^identity(, identity)?$/);
    serve((a, r) => {
      if (a.number < 3) send(a, r, one, { etag: '"1"' });
      else send(a, r, packed, { etag: '"1-gzip"', 'content-encoding': 'br' });
    });
    expect((await failure()).message).toContain('Content-Encoding: br');
    serve((a, r) => send(a, r, one, { 'content-encoding': 'identity' }));
    expect(await read()).toEqual([1]);
  });

  test('of a whole file does no harm', async () => {
    const warn = jest.spyOn(console, 'warn').mockImplementation(() => undefined);
    const packed = zlib.gzipSync(one, { level: 1 });
    serve((_, r) =>
      send({ method: 'GET', range: undefined }, r, packed, { 'content-encoding': 'gzip' }),
    );
    expect(await read()).toEqual([1]);
    warn.mockRestore();
  });
});

describe('servers that are busy, and connections that break', () => {
  test.each([408, 425, 429, 500, 502, 503, 504])('one %d is asked again', async (status) => {
    for (const at of [1, 2, 3]) {
      serve((a, r) => (a.number === at ? r.writeHead(status).end() : send(a, r, one)));
      expect(await read()).toEqual([1]);
      expect(asked[at]?.range).toEqual(asked[at - 1]?.range);
    }
  });

  test.each([400, 401, 403, 404, 410, 451, 501])('one %d is the end', async (status) => {
    for (const at of [1, 3]) {
      serve((a, r) => (a.number === at ? r.writeHead(status).end() : send(a, r, one)));
      const { message } = await failure();
      expect(message).toContain(`answered ${status}`);
      expect(message).toMatch(/; check the address, or download the file and give its path$/);
      expect(asked).toHaveLength(at);
    }
  });

  test('a server that stays busy is given up, and how often it was asked is said', async () => {
    serve((_, r) => r.writeHead(503).end());
    expect((await failure()).message).toContain(
      'answered 503 Service Unavailable; gave up after 6',
    );
    expect(asked).toHaveLength(6);
    serve((_, r) => r.writeHead(503).end());
    await failure({ retries: 1 });
    expect(asked).toHaveLength(2);
  });

  test('waits as long as Retry-After says', async () => {
    const times: number[] = [];
    serve((a, r) => {
      times.push(Date.now());
      if (a.number === 1) r.writeHead(429, { 'retry-after': '1' }).end();
      else if (a.number === 2) {
        r.writeHead(503, { 'retry-after': new Date(Date.now() - 5000).toUTCString() }).end();
      } else send(a, r, one);
    });
    expect(await read({ retryDelayMs: 20_000 })).toEqual([1]);
    const [first = 0, second = 0, third = 0] = times;
    expect(second - first).toBeGreaterThanOrEqual(990);
    // A date that has passed: at once, though the wait without it would be long.
    expect(third - second).toBeLessThan(8000);
  });

  test('a connection that is cut goes on where it ended', async () => {
    serve((a, r) => {
      if (a.number !== 2 && a.number !== 3) return send(a, r, one);
      const [first, last] = a.range as [number, number];
      r.writeHead(206, {
        'content-length': String(last - first + 1),
        'content-range': `bytes ${first}-${last}/${one.length}`,
      });
      return r.write(one.subarray(first, first + 100_000), () => setTimeout(() => r.destroy(), 30));
    });
    expect(await read()).toEqual([1]);
    const starts = asked.slice(1, 4).map(({ range }) => range?.[0] ?? 0);
    expect(starts[1]).toBeGreaterThan(starts[0] as number);
    expect(starts[2]).toBeGreaterThan(starts[1] as number);
    expect(new Set(asked.slice(1, 4).map(({ range }) => range?.[1])).size).toBe(1);
  });

  test('a connection that is cut in a file without ranges begins again', async () => {
    const whole = (a: Asked) => ({ ...a, range: undefined });
    serve((a, r) => {
      if (a.number > 1) return send(whole(a), r, one);
      r.writeHead(200, { 'content-length': String(one.length) });
      return r.write(one.subarray(0, 100_000), () => setTimeout(() => r.destroy(), 30));
    });
    expect(await read()).toEqual([1]);
  });

  test('a connection that is closed before any answer is tried again', async () => {
    serve((a, r) => (a.number === 1 || a.number === 3 ? r.destroy() : send(a, r, one)));
    expect(await read()).toEqual([1]);
  });

  test('stops waiting when told to', async () => {
    const controller = new AbortController();
    serve((a, r) => {
      if (a.number < 3) return send(a, r, one);
      setTimeout(() => controller.abort(new Error('enough')), 50);
      return r.writeHead(503, { 'retry-after': '25' }).end();
    });
    const start = Date.now();
    const error = await failure({ signal: controller.signal });
    expect(error.message).toContain('reading was stopped: enough');
    expect(Date.now() - start).toBeLessThan(10_000);
    expect(asked).toHaveLength(3);
  });

  test('asks for the length again, too, where only HEAD tells it', async () => {
    serve((a, r) => {
      if (a.number === 2) return r.writeHead(503).end();
      if (!a.range) return send(a, r, one);
      const [first, last] = [a.range[0], Math.min(a.range[1], one.length - 1)];
      return r
        .writeHead(206, { 'content-range': `bytes ${first}-${last}/*` })
        .end(one.subarray(first, last + 1));
    });
    expect(await read()).toEqual([1]);
    expect(asked.slice(0, 3).map(({ method }) => method)).toEqual(['GET', 'HEAD', 'HEAD']);
  });

  test('takes all of a file whose length nobody tells', async () => {
    serve((a, r) => {
      if (a.method === 'HEAD') return r.writeHead(404).end();
      if (!a.range) return send(a, r, one);
      r.writeHead(206, { 'content-range': 'bytes 0-1023/*' });
      return r.end(one.subarray(0, 1024));
    });
    expect(await read()).toEqual([1]);
    expect(asked.map(({ method, range }) => [method, range?.[0]])).toEqual([
      ['GET', 0],
      ['HEAD', undefined],
      ['GET', undefined],
    ]);
    // Another range than the one asked for is none, whatever its file's length.
    serve((_, r) => r.writeHead(206, { 'content-range': 'bytes 7-9/*' }).end('abc'));
    expect((await failure({ retries: 0 })).message).toContain('got bytes 7-9/*; a server or cache');
  });
});
