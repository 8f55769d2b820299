/** Training that is killed at random moments ends with the weights of a run that nobody touched. */
import { spawn } from 'node:child_process';
import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import { build } from 'esbuild';

import { seededRandom } from '../../src/ops/engine/random';
import { runs } from '../support/runs';

const ROOT = path.join(__dirname, '../..');
const STEPS = 6;
/** Runs, each of which is killed so many times; 17 of them in a long test. */
const RUNS = Array.from({ length: runs(0.85) }, (_, i) => i);
const KILLS = 3;

let folder: string;
let child: string;
let undisturbed: Ended;
/** How long a run took last that nobody touched: kills come while runs of now are under way. */
let span: number;
beforeAll(async () => {
  folder = fs.mkdtempSync(path.join(os.tmpdir(), 'revcol-killed-'));
  // One file starts several times as fast as hundreds.
  child = path.join(folder, 'child.cjs');
  await build({
    entryPoints: [path.join(__dirname, 'support', 'resumable_child.ts')],
    outfile: child,
    absWorkingDir: ROOT,
    bundle: true,
    platform: 'node',
    format: 'cjs',
    external: ['@tensorflow/*', '@noble/*'],
    logLevel: 'error',
  });
  undisturbed = await trained(path.join(folder, 'undisturbed'), 1);
  span = undisturbed.took;
});
afterAll(() => fs.rmSync(folder, { recursive: true }));

interface Ended {
  /** Hash of the weights; empty where it was killed before the end. */
  hash: string;
  killed: boolean;
  /** From the beginning of training to the end, ms. */
  took: number;
}

/** Trains in a process of its own, and kills it so many ms after it has begun. */
async function trained(file: string, seed: number, killAfter = Infinity): Promise<Ended> {
  const running = spawn(process.execPath, [child, file, String(STEPS)], {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: {
      ...process.env,
      NODE_PATH: path.join(ROOT, 'node_modules'),
      REVCOL_CHILD_SEED: String(seed),
    },
  });
  let output = '';
  let began = 0;
  let timer: NodeJS.Timeout | undefined;
  running.stdout.on('data', (data: Buffer) => {
    output += data.toString();
    if (began > 0 || !output.includes('ready\n')) return;
    began = performance.now();
    if (killAfter < Infinity) timer = setTimeout(() => running.kill('SIGKILL'), killAfter);
  });
  const signal = await new Promise<string | null>((resolve) => {
    running.on('close', (_, by) => resolve(by));
  });
  clearTimeout(timer);
  const hash = output.replace('ready\n', '');
  return { hash, killed: signal === 'SIGKILL', took: performance.now() - began };
}

test('a run that nobody touches ends', () => {
  expect(undisturbed.hash).toMatch(/^[0-9a-f]{64}$/);
});

test.each(RUNS)('run %d, killed three times', async (run) => {
  const random = seededRandom(2024 + run);
  const moments: number[] = [];
  for (let file = 0; moments.length < KILLS; file++) {
    const target = path.join(folder, `killed-${run}-${file}`);
    let ended: Ended;
    let seed = 1;
    do {
      const killAfter = moments.length < KILLS ? random() * 0.7 * span : Infinity;
      ended = await trained(target, seed, killAfter);
      if (ended.killed) moments.push(killAfter);
      else if (seed === 1) span = ended.took;
      // Until something is saved a run begins anew, with its own weights.
      if (fs.existsSync(target)) seed++;
    } while (ended.killed);
    expect({ moments, hash: ended.hash }).toEqual({ moments, hash: undisturbed.hash });
  }
});
