import { type ChildProcess, spawn } from 'node:child_process';
import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';

import { fetchPretrained } from '../../src/download/fetch_pretrained';
import { FileServer, partBytes, randomBytes } from './file_server';

const FILE = 'weights.pth';
const MIB = 2 ** 20;
const CHILD = path.join(__dirname, 'download_child.ts');

let server: FileServer;
let cacheDir: string;

beforeEach(async () => {
  server = new FileServer(randomBytes(40 * MIB, 1));
  await server.listen();
  cacheDir = fs.mkdtempSync(path.join(os.tmpdir(), 'revcol-cache-'));
});

afterEach(async () => {
  await server.close();
  fs.rmSync(cacheDir, { recursive: true, force: true });
});

interface Child {
  process: ChildProcess;
  ended: Promise<string>;
}

/** Downloads in a process of its own; resolves to what it prints. */
function downloadInChild(): Child {
  const args = ['--import', 'tsx', CHILD, `${server.base}/${FILE}`, FILE, cacheDir];
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  let output = '';
  child.stdout.on('data', (data: Buffer) => (output += data.toString()));
  const ended = new Promise<string>((resolve) => child.on('close', () => resolve(output)));
  return { process: child, ended };
}

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 50));
}

function here(): Promise<string | Blob> {
  return fetchPretrained(
    { fileName: FILE, sources: [{ url: `${server.base}/${FILE}` }] },
    { cacheDir, retryDelayMs: 1 },
  );
}

test('two processes download a file once', async () => {
  const children = [downloadInChild(), downloadInChild()];
  const [first, second] = await Promise.all(children.map(({ ended }) => ended));
  const whole = path.join(cacheDir, FILE);
  expect(first).toBe(whole);
  expect(second).toBe(whole);
  expect(fs.readFileSync(whole).equals(server.content)).toBe(true);
  expect(server.requests).toHaveLength(1);
  expect(fs.readdirSync(cacheDir)).toEqual([FILE, `${FILE}.note`]);
});

test('a killed process leaves no whole file and no lasting lock; the next one continues', async () => {
  server.faults = [{ hangAfter: 36 * MIB }];
  const child = downloadInChild();
  await until(() => partBytes(cacheDir, FILE) >= 35 * MIB);
  expect(fs.existsSync(path.join(cacheDir, `${FILE}.lock`))).toBe(true);
  child.process.kill('SIGKILL');
  await child.ended;
  expect(fs.existsSync(path.join(cacheDir, FILE))).toBe(false);
  const started = Date.now();
  expect(fs.readFileSync((await here()) as string).equals(server.content)).toBe(true);
  expect(Date.now() - started).toBeLessThan(20_000);
  const start = Number(/bytes=(\d+)-/.exec(server.requests.at(-1) as string)?.[1]);
  expect(start).toBeGreaterThanOrEqual(16 * MIB);
  expect(fs.readdirSync(cacheDir)).toEqual([FILE, `${FILE}.note`]);
});

test('a lock that nobody touches any more is taken over; one that is touched is waited for', async () => {
  const lock = path.join(cacheDir, `${FILE}.lock`);
  const elsewhere = JSON.stringify({ token: 'x', pid: 1, host: 'another-machine' });
  fs.writeFileSync(lock, elsewhere);
  const waiting = here();
  await new Promise((resolve) => setTimeout(resolve, 700));
  expect(server.requests).toHaveLength(0);
  const longAgo = new Date(Date.now() - 120_000);
  fs.utimesSync(lock, longAgo, longAgo);
  expect(fs.readFileSync((await waiting) as string).equals(server.content)).toBe(true);
  expect(fs.existsSync(lock)).toBe(false);
});
