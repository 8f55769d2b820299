/** Locks of other processes, as they are found: alive, ended, robbed, or saying nothing. */
import { spawn } from 'node:child_process';
import * as fs from 'node:fs';
import * as fsp from 'node:fs/promises';
import * as os from 'node:os';
import * as path from 'node:path';

import { LockLostError } from '../../src/download/errors';
import { fetchPretrained } from '../../src/download/fetch_pretrained';
import { type FileLock, TIMING, withFileLock } from '../../src/download/node_lock';
import { type Holder, ownIdentity } from '../../src/download/node_process';
import { FileServer, partBytes, randomBytes } from './file_server';

const FILE = 'w.bin';
const OTHER = '00000000-0000-4000-8000-000000000000';

/** The lock's times are cut to a tenth here. */
const TEMPO = 10;
beforeAll(() => {
  for (const name of Object.keys(TIMING) as (keyof typeof TIMING)[]) TIMING[name] /= TEMPO;
});

let cacheDir: string;
let lock: string;

beforeEach(() => {
  cacheDir = fs.mkdtempSync(path.join(os.tmpdir(), 'revcol-lock-'));
  lock = path.join(cacheDir, `${FILE}.lock`);
});

afterEach(() => fs.rmSync(cacheDir, { recursive: true, force: true }));

/** Writes the lock of another copy of this process; `changes` make it another's. */
async function lockOf(changes: Partial<Holder>): Promise<void> {
  const holder = { token: OTHER, ...(await ownIdentity()), instance: 'another', ...changes };
  fs.writeFileSync(lock, JSON.stringify(holder));
}

/** How long it takes to get the lock, in ms; undefined when not within `patience`. */
async function waitFor(patience: number): Promise<number | undefined> {
  const start = performance.now();
  const signal = AbortSignal.timeout(patience);
  try {
    await withFileLock(fsp, lock, signal, async () => undefined);
    return performance.now() - start;
  } catch (error) {
    expect(error).toMatchObject({ name: 'TimeoutError' });
    return undefined;
  }
}

/** The id of a process that has ended. */
function endedPid(): Promise<number> {
  const child = spawn('true');
  return new Promise((resolve) => child.on('close', () => resolve(child.pid as number)));
}

test('a free lock holds who has it, and is gone afterwards', async () => {
  const me = await ownIdentity();
  await withFileLock(fsp, lock, new AbortController().signal, async ({ token, predecessor }) => {
    expect(predecessor).toBeUndefined();
    expect(JSON.parse(fs.readFileSync(lock, 'utf8'))).toEqual({ token, ...me });
    expect(me).toMatchObject({ pid: process.pid, host: os.hostname() });
    expect(fs.readdirSync(cacheDir)).toEqual([`${FILE}.lock`]);
    expect(await waitFor(300)).toBeUndefined();
  });
  expect(fs.readdirSync(cacheDir)).toEqual([]);
});

describe('of a holder that has ended: taken over at once', () => {
  const AT_ONCE = 2000;

  test('the process is gone', async () => {
    await lockOf({ pid: await endedPid() });
    expect(await waitFor(AT_ONCE)).toBeDefined();
  });

  test('its id was given to another, as after a restart of a container', async () => {
    if (process.platform !== 'linux') return;
    await lockOf({ started: '1' });
    expect(await waitFor(AT_ONCE)).toBeDefined();
  });

  test('it was held here, and could not be removed', async () => {
    await lockOf(await ownIdentity());
    expect(await waitFor(AT_ONCE)).toBeDefined();
  });
});

describe('of a holder that may live: waited for while it is touched', () => {
  const unseen: [string, () => Promise<Partial<Holder>>][] = [
    ['this process', async () => ({})],
    ['another PID namespace or boot', async () => ({ pid: await endedPid(), system: 'another' })],
    ['a lock of 0.1.0', async () => ({ pid: await endedPid(), system: undefined })],
    ['another machine', async () => ({ host: 'another', system: 'boot pid:[1]' })],
  ];
  test.each(unseen)('%s', async (_, changes) => {
    await lockOf(await changes());
    const text = fs.readFileSync(lock, 'utf8');
    // By a clock that is hours behind: only whether it moves counts.
    let at = Date.now() / 1000 - 7200;
    const touch = setInterval(() => fs.utimesSync(lock, (at += 5), at), 100);
    try {
      expect(await waitFor(1500)).toBeUndefined();
    } finally {
      clearInterval(touch);
    }
    expect(fs.readFileSync(lock, 'utf8')).toBe(text);
    // Nobody touches it any more.
    const took = await waitFor(15_000);
    expect(took).toBeGreaterThan(500);
  });
});

test('a fresh lock of which nothing is known is waited for longest', async () => {
  await lockOf({ system: undefined });
  const took = await waitFor(40_000);
  expect(took).toBeGreaterThan(1500);
});

test.each(['', '{"tok', 'null', '{}', '\0\0\0\0'])(
  'a lock that says nothing (%j) is given up after seconds',
  async (text) => {
    fs.writeFileSync(lock, text);
    expect(await waitFor(15_000)).toBeGreaterThan(200);
    expect(fs.readdirSync(cacheDir)).toEqual([]);
  },
);

test('a full disk leaves no lock', async () => {
  const full = Object.assign(new Error('no space'), { code: 'ENOSPC' });
  for (const links of [true, false]) {
    const failing = {
      ...fsp,
      writeFile: async (file: string, ...rest: [string]) => {
        if (!links) return fsp.writeFile(file, ...rest);
        fs.writeFileSync(file, '');
        throw full;
      },
      link: () => Promise.reject(Object.assign(new Error(), { code: 'EPERM', syscall: 'link' })),
      open: async (file: string, flags: string) => {
        const handle = await fsp.open(file, flags);
        handle.writeFile = () => Promise.reject(full);
        return handle;
      },
    } as unknown as typeof fsp;
    const failed = withFileLock(failing, lock, new AbortController().signal, async () => 1);
    await expect(failed).rejects.toMatchObject({ code: 'storage' });
    expect(fs.readdirSync(cacheDir)).toEqual([]);
  }
});

test('without hard links the lock works, too', async () => {
  const link = () => Promise.reject(Object.assign(new Error(), { code: 'EPERM', syscall: 'link' }));
  const linkless = { ...fsp, link } as typeof fsp;
  const { signal } = new AbortController();
  await withFileLock(linkless, lock, signal, async () => {
    const waiting = AbortSignal.timeout(500);
    const second = withFileLock(linkless, lock, waiting, async () => undefined);
    await expect(second).rejects.toMatchObject({ name: 'TimeoutError' });
  });
  expect(fs.readdirSync(cacheDir)).toEqual([]);
});

test('a lock taken by somebody else is noticed, and not removed', async () => {
  const { signal } = new AbortController();
  const body = async (mine: FileLock) => {
    await lockOf({});
    expect(await mine.isHeld()).toBe(false);
    await new Promise((resolve) => mine.signal.addEventListener('abort', resolve));
    throw mine.signal.reason;
  };
  await expect(withFileLock(fsp, lock, signal, body)).rejects.toBeInstanceOf(LockLostError);
  expect(JSON.parse(fs.readFileSync(lock, 'utf8'))).toMatchObject({ token: OTHER });
  expect(fs.readdirSync(cacheDir)).toEqual([`${FILE}.lock`]);
});

describe('a robbed holder', () => {
  const LENGTH = 200_000;
  let server: FileServer;

  beforeEach(async () => {
    server = new FileServer(randomBytes(LENGTH, 1));
    await server.listen();
  });

  afterEach(() => server.close());

  const here = (known: object = {}) =>
    fetchPretrained(
      { fileName: FILE, sources: [{ url: `${server.base}/${FILE}`, ...known }] },
      { cacheDir, retryDelayMs: 1, stallTimeoutMs: 20_000 },
    );
  const until = async (condition: () => boolean) => {
    while (!condition()) await new Promise((resolve) => setTimeout(resolve, 20));
  };

  test('waits for the other, and takes the file that it has finished', async () => {
    server.faults = [{ hangAfter: 50_000 }];
    const robbed = here({ bytes: LENGTH });
    await until(() => partBytes(cacheDir, FILE) >= 50_000);
    // The robber finishes the file, and frees the lock a moment later.
    await lockOf({});
    fs.writeFileSync(path.join(cacheDir, FILE), server.content);
    setTimeout(() => fs.rmSync(lock), 900);
    expect(fs.readFileSync((await robbed) as string).equals(server.content)).toBe(true);
    expect(server.requests).toHaveLength(1);
    expect(fs.readdirSync(cacheDir).sort()).toEqual([FILE, `${FILE}.note`]);
  });

  test('cannot write into what was taken over from it', async () => {
    const part = path.join(cacheDir, `${FILE}.part.${OTHER}`);
    fs.writeFileSync(part, server.content.subarray(0, 50_000));
    const url = `${server.base}/${FILE}`;
    const state = { url, validator: '"v1"', total: LENGTH, received: 50_000 };
    fs.writeFileSync(`${part}.json`, JSON.stringify(state));
    // Silent for long, on another machine, with the part still open.
    await lockOf({ system: 'another' });
    fs.utimesSync(lock, 1, 1);
    const writer = fs.openSync(part, 'r+');
    const zeros = Buffer.alloc(LENGTH);
    server.faults = [{ before: () => fs.writeSync(writer, zeros, 0, LENGTH, 0) }];
    const file = (await here()) as string;
    fs.writeSync(writer, zeros, 0, LENGTH, 0);
    fs.closeSync(writer);
    expect(server.requests).toEqual([`GET /${FILE} bytes=50000- "v1"`]);
    expect(fs.readFileSync(file).equals(server.content)).toBe(true);
    expect(fs.readdirSync(cacheDir).sort()).toEqual([FILE, `${FILE}.note`]);
  });

  test('of which it is known that it ended leaves its part as it is', async () => {
    const part = path.join(cacheDir, `${FILE}.part.${OTHER}`);
    fs.writeFileSync(part, server.content.subarray(0, 50_000));
    const url = `${server.base}/${FILE}`;
    const state = { url, validator: '"v1"', total: LENGTH, received: 50_000 };
    fs.writeFileSync(`${part}.json`, JSON.stringify(state));
    const { ino } = fs.statSync(part);
    await lockOf({ pid: await endedPid() });
    const file = (await here()) as string;
    expect(server.requests).toEqual([`GET /${FILE} bytes=50000- "v1"`]);
    expect(fs.readFileSync(file).equals(server.content)).toBe(true);
    expect(fs.statSync(file).ino).toBe(ino);
  });
});
