/** Downloads on a disk that fails at its n-th call, for every n: once, or from then on as in a crash. */
import * as fs from 'node:fs';
import * as fsp from 'node:fs/promises';
import * as os from 'node:os';
import * as path from 'node:path';

import {
  type Downloadable,
  fetchInto,
  removePretrained,
} from '../../src/download/fetch_pretrained';
import { openNodeStore } from '../../src/download/node_store';
import { FileServer, randomBytes } from './file_server';

const FILE = 'w.bin';
const LENGTH = 60_000;
const OLD = randomBytes(500, 9);

let server: FileServer;
let cacheDir: string;

beforeAll(async () => {
  server = new FileServer(randomBytes(LENGTH, 1));
  await server.listen();
});

afterAll(() => server.close());

beforeEach(() => {
  cacheDir = fs.mkdtempSync(path.join(os.tmpdir(), 'revcol-disk-'));
});

afterEach(() => fs.rmSync(cacheDir, { recursive: true, force: true }));

const inCache = (name: string) => path.join(cacheDir, name);

/** Node's file system, whose n-th call fails (counted from 1, those of open files included). */
function failing(n: number, mode: 'once' | 'from then on') {
  const state = { calls: 0, failed: [] as string[] };
  const guarded = <T extends object>(target: T): T =>
    new Proxy(target, {
      get(object, name) {
        const value: unknown = Reflect.get(object, name);
        if (typeof value !== 'function') return value;
        return async (...args: unknown[]) => {
          state.calls++;
          if (mode === 'once' ? state.calls === n : state.calls >= n) {
            state.failed.push(String(name));
            // The descriptor is gone even when closing it fails.
            if (name === 'close') await Reflect.apply(value, object, args);
            throw Object.assign(new Error('no space left on device'), { code: 'ENOSPC' });
          }
          // Counted, but not done: hundreds of runs would wait for the disk.
          if (name === 'sync') return undefined;
          const result: unknown = await Reflect.apply(value, object, args);
          return name === 'open' ? guarded(result as object) : result;
        };
      },
    });
  return { disk: guarded(fsp), state };
}

function record(facts: object): Downloadable {
  return { fileName: FILE, sources: [{ url: `${server.base}/${FILE}`, ...facts }] };
}

async function download(facts: object, disk = failing(Infinity, 'once').disk): Promise<Buffer> {
  const store = await openNodeStore(cacheDir, disk);
  const file = await fetchInto(store, record(facts), { retries: 0, retryDelayMs: 1 });
  return fs.readFileSync(file);
}

interface Scene {
  scene: string;
  known: 'nothing' | 'the checksum';
  prepare(): Promise<void>;
}

const scenes: Scene[] = [
  { scene: 'an empty folder', known: 'nothing', prepare: async () => undefined },
  {
    scene: 'another file in its place',
    known: 'the checksum',
    prepare: async () => fs.writeFileSync(inCache(FILE), OLD),
  },
  {
    scene: 'an unfinished part',
    known: 'nothing',
    prepare: async () => {
      server.faults = [{ cutAfter: 20_000 }];
      await expect(download({})).rejects.toMatchObject({ code: 'network' });
    },
  },
  {
    scene: 'an unfinished part of 0.1.0',
    known: 'the checksum',
    prepare: async () => {
      fs.writeFileSync(inCache(`${FILE}.part`), server.content.subarray(0, 20_000));
      const url = `${server.base}/${FILE}`;
      const state = { url, validator: '"v1"', total: LENGTH, received: 20_000 };
      fs.writeFileSync(inCache(`${FILE}.part.json`), JSON.stringify(state));
    },
  },
];

describe.each(['once', 'from then on'] as const)('the disk fails %s', (mode) => {
  const failed = new Set<string>();

  test.each(scenes)('$scene, $known is known', async ({ known, prepare }) => {
    const facts = known === 'nothing' ? {} : { sha256: server.sha256 };
    for (let n = 1; ; n++) {
      fs.rmSync(cacheDir, { recursive: true });
      fs.mkdirSync(cacheDir);
      await prepare();
      const before = fs.existsSync(inCache(FILE)) ? OLD : undefined;
      const { disk, state } = failing(n, mode);
      const got = await download(facts, disk).catch((error: unknown) => error as Error);
      if (got instanceof Error) expect(got).toMatchObject({ code: 'storage' });
      else expect(got.equals(server.content)).toBe(true);
      const left = fs.existsSync(inCache(FILE)) ? fs.readFileSync(inCache(FILE)) : undefined;
      if (!left?.equals(server.content)) expect(left).toEqual(before);
      // The next run is right, waits for nobody, and clears up.
      const start = performance.now();
      expect((await download(facts)).equals(server.content)).toBe(true);
      expect(performance.now() - start).toBeLessThan(2000);
      expect(fs.readdirSync(cacheDir)).toEqual(expect.arrayContaining([FILE, `${FILE}.note`]));
      await removePretrained(record({}), { cacheDir });
      expect(fs.readdirSync(cacheDir)).toEqual([]);
      for (const name of state.failed) failed.add(name);
      if (state.failed.length === 0) break;
    }
  });

  test.each(['open', 'write', 'writeFile', 'rename', 'sync', 'link', 'rm', 'read', 'close'])(
    '%s was among what failed',
    (call) => expect([...failed]).toContain(call),
  );
});
