/** Training that is killed at random moments ends with the weights of a run that nobody touched. */
import { spawn } from 'node:child_process';
import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';

import { seededRandom } from '../../src/ops/engine/random';
import { runs } from '../support/runs';

const CHILD = path.join(__dirname, 'support', 'resumable_child.ts');
const STEPS = 6;
/** Twenty times as many in a long run. */
const KILLS = runs(2.5);

let folder: string;
beforeAll(() => {
  folder = fs.mkdtempSync(path.join(os.tmpdir(), 'revcol-killed-'));
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
  const child = spawn(process.execPath, ['--import', 'tsx', CHILD, file, String(STEPS)], {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { ...process.env, REVCOL_CHILD_SEED: String(seed) },
  });
  let output = '';
  let began = 0;
  let timer: NodeJS.Timeout | undefined;
  child.stdout.on('data', (data: Buffer) => {
    output += data.toString();
    if (began > 0 || !output.includes('ready\n')) return;
    began = performance.now();
    if (killAfter < Infinity) timer = setTimeout(() => child.kill('SIGKILL'), killAfter);
  });
  const signal = await new Promise<string | null>((resolve) => {
    child.on('close', (_, by) => resolve(by));
  });
  clearTimeout(timer);
  const hash = output.replace('ready\n', '');
  return { hash, killed: signal === 'SIGKILL', took: performance.now() - began };
}

test(`${KILLS} kills`, async () => {
  const random = seededRandom(2024);
  const undisturbed = await trained(path.join(folder, 'undisturbed'), 1);
  expect(undisturbed.hash).toMatch(/^[0-9a-f]{64}$/);
  const moments: number[] = [];
  for (let file = 0; moments.length < KILLS; file++) {
    const target = path.join(folder, `killed-${file}`);
    let ended: Ended;
    let seed = 1;
    do {
      const killAfter = moments.length < KILLS ? random() * 0.7 * undisturbed.took : Infinity;
      ended = await trained(target, seed, killAfter);
      if (ended.killed) moments.push(killAfter);
      // Until something is saved a run begins anew, with its own weights.
      if (fs.existsSync(target)) seed++;
    } while (ended.killed);
    expect({ moments, hash: ended.hash }).toEqual({ moments, hash: undisturbed.hash });
  }
});
