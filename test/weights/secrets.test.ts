/** Addresses with secrets in them: whatever goes wrong, no error, cause or warning tells the secret. */
import * as fs from 'node:fs';
import * as http from 'node:http';
import type { AddressInfo } from 'node:net';
import * as os from 'node:os';
import * as path from 'node:path';
import { inspect } from 'node:util';

import { folderSink } from '../../src/convert/model_sinks';
import { fetchPretrained } from '../../src/download/fetch_pretrained';
import { fileSystem } from '../../src/model_files/file_system';
import { fileSink } from '../../src/weights/bytes/sink';
import { openCheckpoint } from '../../src/weights/open_checkpoint';
import { cli } from '../cli/run';
import images from '../pictures/images.json';
import { safetensorsOf } from './support/small_checkpoint';

const SECRET = 'hunter2';
const QUERIES = [
  `token=${SECRET}`,
  `sv=2024&sig=${SECRET}%3D`,
  `X-Amz-Credential=${SECRET}&X-Amz-Signature=${SECRET}#${SECRET}`,
];

type Answer = (response: http.ServerResponse, request: http.IncomingMessage) => unknown;

let file: Buffer;
let answer: Answer;
let requests = 0;
let host: string;
let folder: string;
const server = http.createServer((request, response) => {
  requests++;
  answer(response, request);
});

beforeAll(async () => {
  const data = new Float32Array(2_000_000);
  const blob = await safetensorsOf([{ name: 'a', shape: [data.length], data }]);
  file = Buffer.from(await blob.arrayBuffer());
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  host = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  folder = fs.mkdtempSync(path.join(os.tmpdir(), 'revcol-secrets-'));
});
afterAll(async () => {
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
  fs.rmSync(folder, { recursive: true });
});
beforeEach(() => {
  requests = 0;
});

/** A good answer, with `headers` in place of those that belong to it. */
function range(
  response: http.ServerResponse,
  { headers: { range: asked } }: http.IncomingMessage,
  headers: http.OutgoingHttpHeaders = {},
): Buffer {
  const [, first = 0, wanted = file.length - 1] = (/bytes=(\d+)-(\d+)/.exec(asked ?? '') ?? []).map(
    Number,
  );
  const last = Math.min(wanted, file.length - 1);
  response.writeHead(asked === undefined ? 200 : 206, {
    'content-length': last + 1 - first,
    'content-range': `bytes ${first}-${last}/${file.length}`,
    ...headers,
  });
  return file.subarray(first, last + 1);
}
const cutOff = (response: http.ServerResponse, body: Buffer) => {
  response.write(body.subarray(0, 100), () => response.destroy());
};
const page = '<!doctype html><title>Log in</title>';

/** What a server may do wrong, after so many good answers. */
const FAULTS: [name: string, good: number, fault: Answer, options?: object][] = [
  ...[403, 404, 503].map((status): [string, number, Answer] => [
    `answers ${status}`,
    0,
    (response) => response.writeHead(status).end(),
  ]),
  ['hangs up', 0, (response) => response.destroy()],
  ['hangs up later', 1, (response) => response.destroy()],
  ['cuts the body', 1, (response, request) => cutOff(response, range(response, request))],
  ['compresses', 0, (r, q) => r.end(range(r, q, { 'content-encoding': 'gzip' }))],
  ['sends another range', 0, (r, q) => r.end(range(r, q, { 'content-range': 'bytes 7-9/99' }))],
  ['does not say which', 0, (r, q) => r.end(range(r, q, { 'content-range': 'bytes' }))],
  ['ignores the range later', 1, (response) => response.writeHead(200).end(file)],
  ['has another file', 1, (r, q) => r.end(range(r, q, { etag: '"2"' }))],
  ['sends a page', 0, (response) => response.writeHead(200).end(page)],
  [
    'sends no length',
    0,
    (response) => response.writeHead(200).write(file.subarray(0, 99), () => response.end()),
  ],
  [
    'redirects to nowhere',
    0,
    (r) => r.writeHead(302, { location: `http://127.0.0.1:1/?t=${SECRET}` }).end(),
  ],
  [
    'redirects to no address',
    0,
    (r) => r.writeHead(302, { location: `http://u:${SECRET}@[` }).end(),
  ],
];

/** All that an error tells, its causes included, and all that was printed meanwhile. */
async function told(work: () => Promise<unknown>): Promise<string> {
  const warn = jest.spyOn(console, 'warn').mockImplementation();
  try {
    const outcome = await work().then(
      () => 'no error',
      (error: unknown) => {
        expect((error as Error).message).not.toBe('');
        return inspect(error, { depth: Infinity, showHidden: true });
      },
    );
    return `${outcome}\n${JSON.stringify(warn.mock.calls)}`;
  } finally {
    warn.mockRestore();
  }
}

async function readAll(url: string | URL): Promise<void> {
  const checkpoint = await openCheckpoint(url, { retries: 1, retryDelayMs: 1 });
  try {
    await checkpoint.read('a');
  } finally {
    await checkpoint.close();
  }
}

test.each(FAULTS)('the server %s', async (_, good, fault) => {
  for (const query of QUERIES) {
    answer = (response, request) =>
      requests <= good
        ? response.end(range(response, request, { etag: '"1"' }))
        : fault(response, request);
    requests = 0;
    const address = `http://${host}/best.safetensors`;
    const words = await told(() => readAll(new URL(`${address}?${query}`)));
    expect(words).not.toMatch(/^no error/);
    expect(words).not.toContain(SECRET);
    expect(words).toContain(`${address}?...`);

    requests = good;
    const record = { fileName: `${good}.pth`, sources: [{ url: `${address}?${query}` }] };
    const options = { cacheDir: path.join(folder, 'cache'), retries: 1, retryDelayMs: 1 };
    expect(await told(() => fetchPretrained(record, options))).not.toContain(SECRET);
  }
});

test.each([
  `http://user:${SECRET}@HOST/best.pth`,
  `http://${SECRET}@HOST/best.pth`,
  `http://user:a/${SECRET}@HOST/best.pth`,
  `http://[/best.pth?token=${SECRET}`,
  `http://127.0.0.1:1/best.pth?token=${SECRET}`,
  `s3://key:${SECRET}@bucket/best.pth?versionId=${SECRET}`,
  `data:application/octet-stream,${SECRET}`,
  `blob:nodedata:1#${SECRET}`,
  `file:///none/best.pth?token=${SECRET}`,
])('%s: nothing tells the secret, at once', async (text) => {
  const url = text.replace('HOST', host);
  answer = (response) => response.writeHead(404).end();
  const record = { fileName: 'best.pth', sources: [{ url }] };
  const cacheDir = path.join(folder, 'cache');
  const works: (() => Promise<unknown>)[] = [
    () => openCheckpoint(url, { retries: 1, retryDelayMs: 1 }),
    () => openCheckpoint(url, { signal: AbortSignal.abort(new Error('stop')) }),
    () => fetchPretrained(record, { cacheDir, retries: 1, retryDelayMs: 1 }),
    () => fetchPretrained(record, { cacheDir, retries: 1, retryDelayMs: 1, baseUrl: url }),
    () => folderSink(url),
    () => fileSink(url),
    async () => fileSystem(url).load(),
  ];
  for (const work of works) {
    const words = await told(work);
    expect(words).not.toMatch(/^no error/);
    expect(words).not.toContain(SECRET);
  }
});

test('user and password are refused with what to do, and without a second try', async () => {
  answer = (response) => response.writeHead(500).end();
  for (const who of [`user:${SECRET}`, SECRET, `:${SECRET}`]) {
    const words = await told(() => openCheckpoint(`http://${who}@${host}/best.pth`));
    expect(words).toContain(`http://${host}/best.pth cannot be reached`);
    expect(words).toContain('give them as a header, by a fetch of your own');
  }
  expect(requests).toBe(0);
});

test('the command line echoes none, where the address is wrong, and where the option is', async () => {
  answer = (response) => response.writeHead(404).end();
  const image = path.join(folder, 'a.png');
  fs.writeFileSync(image, Buffer.from(images.files.png.file, 'base64'));
  const url = `http://${host}/best.pth?token=${SECRET}`;
  for (const args of [
    ['inspect', url],
    ['inspect', `http://user:${SECRET}@${host}/best.pth`],
    ['convert', url, path.join(folder, 'out')],
    ['convert', 'best.pth', url],
    ['convert', 'best.pth', url.replace('.pth', '.safetensors')],
    ['classify', image, '--weights', url],
    ['classify', url, '--weights', 'revcol_tiny.in1k'],
    ['models', url],
    ['models', `--weigths=${url}`],
    ['inspect', `HTTP://user:${SECRET}@none.invalid:x/best.pth`],
  ]) {
    const { status, out, error } = await cli(...args);
    expect({ status, out }).toEqual({ status: 1, out: '' });
    expect(error).not.toBe('');
    expect(error).not.toContain(SECRET);
  }
  expect(fs.readdirSync(folder)).not.toContain('out');
});
