/**
 * Damaged and hostile files: each loads as a whole or ends in a typed error, in bounded time and
 * memory. `bench/hostile_checkpoints.ts` tries ten times as many, and measures each by itself.
 */
import { spawnSync } from 'node:child_process';
import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';

import { useBackend } from '../support/backends';
import { fuzzOnce, type FuzzResult, fuzzTargets } from './support/fuzz';
import { HOSTILE_FILES } from './support/hostile_files';
import type { Measured } from './support/measure_hostile';

/** The whole list takes half a minute. */
const QUICK = [
  'dicts in dicts, each many times',
  'a dict in itself',
  'far places of the memo',
  'a text of escapes',
  'a tensor of repeats under many names',
  'a deflated storage of 30 MB, read backwards',
  'a JSON of brackets',
];

const SEEDS = 1000;
const MAX_MS = 2000;
const MAX_MEGABYTES = 256;

test(`${SEEDS} damaged files load or end in a CheckpointError`, async () => {
  await useBackend('cpu');
  const targets = await fuzzTargets();
  const results: FuzzResult[] = [];
  for (let seed = 0; seed < SEEDS; seed++) results.push(await fuzzOnce(targets, seed));
  expect(results.filter(({ ms }) => ms > MAX_MS)).toEqual([]);
  // Damage of every kind was done: some harmless, most not.
  const outcomes = new Set(results.map(({ outcome }) => outcome));
  expect([...outcomes].sort()).toEqual(['corrupt', 'format', 'mismatch', 'read', 'unsupported']);
});

test('files made to use up time and memory do not', () => {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'revcol-hostile-'));
  try {
    const files = QUICK.map((name, i) => {
      const file = path.join(folder, `${i}`);
      fs.writeFileSync(file, (HOSTILE_FILES[name] as () => Uint8Array)());
      return file;
    });
    const script = path.join(__dirname, 'support/measure_hostile.ts');
    const child = spawnSync(
      process.execPath,
      ['--expose-gc', '--import', 'tsx', script, '--measure', ...files],
      { encoding: 'utf8', timeout: 500_000 },
    );
    expect({ signal: child.signal, stderr: child.stderr }).toEqual({ signal: null, stderr: '' });
    const results = JSON.parse(child.stdout) as Measured[];
    expect(results).toHaveLength(QUICK.length);
    results.forEach(({ outcome, cpuMs, megabytes }, i) => {
      const what = QUICK[i];
      expect({ what, outcome }).toEqual({
        what,
        outcome: expect.stringMatching(/^(read|format|corrupt|unsupported)$/) as string,
      });
      // On the processor: on the clock, other tests count too. Memory is of all files so far.
      if (cpuMs > MAX_MS || megabytes > MAX_MEGABYTES) {
        throw new Error(`${what}: ${cpuMs} ms, ${megabytes} MB`);
      }
    });
  } finally {
    fs.rmSync(folder, { recursive: true });
  }
});
