/**
 * Hostile checkpoints: damaged ones by the thousand, from seeds, and ones made to use up time and
 * memory. Each must load as a whole or end in a CheckpointError, within 2 s and 256 MB. Ends with
 * exit code 1 where one does not.
 *
 *   npx tsx bench/hostile_checkpoints.ts                # 10 000 damaged files, in processes of 500
 *   npx tsx bench/hostile_checkpoints.ts --count 2000 --seed 123456
 *
 * With the golden checkpoints (REVCOL_GOLDENS, see CONTRIBUTING.md) those get damaged as well.
 */
import '@tensorflow/tfjs-backend-cpu';
import { spawn } from 'node:child_process';
import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import * as tf from '@tensorflow/tfjs-core';

import { HAVE_GOLDENS } from '../test/support/golden_files';
import { fuzzOnce, type FuzzResult, fuzzTargets } from '../test/weights/support/fuzz';
import {
  GOLDEN_CASES,
  goldenExpected,
  goldenModel,
  goldenPath,
} from '../test/weights/support/golden_model';
import { HOSTILE_FILES } from '../test/weights/support/hostile_files';
import { type Measured, peakBytes } from '../test/weights/support/measure_hostile';

const MAX_MS = 2000;
const MAX_MEGABYTES = 256;
/** Nothing takes so long but a hang. */
const HANG_MS = 120_000;

interface Share {
  results: FuzzResult[];
  failures: string[];
  megabytes: number;
}

/** In a process of its own: `count` damaged files from `seed` on. */
async function fuzzShare(seed: number, count: number): Promise<Share> {
  await tf.setBackend('cpu');
  const cases = HAVE_GOLDENS ? GOLDEN_CASES.slice(0, 2) : [];
  const others = cases.flatMap((name) => {
    const model = goldenModel(goldenExpected(name));
    return (['.pth', '.weights.safetensors'] as const).map((format) => ({
      path: goldenPath(name, format),
      model,
    }));
  });
  const targets = await fuzzTargets(others);
  // Once through all of them: compiled code and the sound files count as idle.
  for (let i = 0; i < targets.length; i++) await fuzzOnce(targets, i).catch(() => undefined);
  globalThis.gc?.();
  const idle = process.memoryUsage().rss;
  const share: Share = { results: [], failures: [], megabytes: 0 };
  for (let i = seed; i < seed + count; i++) {
    try {
      share.results.push(await fuzzOnce(targets, i));
    } catch (error) {
      share.failures.push(String(error));
    }
  }
  share.megabytes = (peakBytes() - idle) / 1e6;
  return share;
}

/** Runs a script of this repository; rejects where it crashes or hangs. */
function runChild(script: string, args: readonly string[]): Promise<string> {
  const flags = ['--expose-gc', '--import', 'tsx', script, ...args];
  const child = spawn(process.execPath, flags, { stdio: ['ignore', 'pipe', 'pipe'] });
  let [out, err] = ['', ''];
  child.stdout.on('data', (chunk: Buffer) => (out += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (err += chunk.toString()));
  const timer = setTimeout(() => child.kill('SIGKILL'), HANG_MS);
  return new Promise((resolve, reject) => {
    child.on('close', (code, signal) => {
      clearTimeout(timer);
      if (code === 0) resolve(out);
      else reject(new Error(`ended with ${signal ?? code}: ${err.slice(-500)}`));
    });
  });
}

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}

async function fuzz(first: number, count: number, perProcess: number): Promise<boolean> {
  const self = fileURLToPath(import.meta.url);
  const results: FuzzResult[] = [];
  const failures: string[] = [];
  let megabytes = 0;
  for (let seed = first; seed < first + count; seed += perProcess) {
    const size = Math.min(perProcess, first + count - seed);
    try {
      const out = await runChild(self, ['--share', `${seed}`, `${size}`]);
      const share = JSON.parse(out) as Share;
      results.push(...share.results);
      failures.push(...share.failures);
      megabytes = Math.max(megabytes, share.megabytes);
    } catch (error) {
      failures.push(`seeds ${seed} to ${seed + size - 1}: ${String(error)}`);
    }
  }
  const outcomes = new Map<string, number>();
  for (const { outcome } of results) outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1);
  const [slowest] = [...results].sort((a, b) => b.ms - a.ms);
  print(`damaged files: ${results.length} of ${count} from seed ${first}`);
  print(`  ${[...outcomes].map(([outcome, n]) => `${n} ${outcome}`).join(', ')}`);
  print(`  slowest ${slowest?.ms.toFixed(0)} ms (${slowest?.target}, ${slowest?.outcome})`);
  print(`  memory at most ${megabytes.toFixed(0)} MB above idle, in processes of ${perProcess}`);
  for (const failure of failures) print(`  FAILED ${failure}`);
  const slow = results.filter(({ ms }) => ms > MAX_MS).length;
  if (slow > 0) print(`  FAILED ${slow} took over ${MAX_MS} ms`);
  return failures.length === 0 && slow === 0 && megabytes <= MAX_MEGABYTES;
}

/** Each in a process of its own, so that its memory is its own. */
async function measureHostile(): Promise<boolean> {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'revcol-hostile-'));
  const script = fileURLToPath(
    new URL('../test/weights/support/measure_hostile.ts', import.meta.url),
  );
  let isGood = true;
  print(`${'made to use up time and memory'.padEnd(48)} outcome          ms cpu ms     MB`);
  for (const [name, make] of Object.entries(HOSTILE_FILES)) {
    const file = path.join(folder, 'file');
    fs.writeFileSync(file, make());
    try {
      const [measured] = JSON.parse(await runChild(script, ['--measure', file])) as [Measured];
      const { outcome, ms, cpuMs, megabytes } = measured;
      const typed = /^(read|format|corrupt|unsupported)$/.test(outcome);
      const good = typed && ms <= MAX_MS && megabytes <= MAX_MEGABYTES;
      const columns = `${outcome.padEnd(12)} ${ms.toFixed(0).padStart(6)} ${cpuMs.toFixed(0).padStart(6)} ${megabytes.toFixed(0).padStart(6)}`;
      print(`${name.padEnd(48)} ${columns}${good ? '' : '  FAILED'}`);
      isGood &&= good;
    } catch (error) {
      print(`${name.padEnd(48)} FAILED ${String(error)}`);
      isGood = false;
    }
  }
  fs.rmSync(folder, { recursive: true });
  return isGood;
}

async function main(): Promise<void> {
  const { values, positionals } = parseArgs({
    options: {
      count: { type: 'string', default: '10000' },
      seed: { type: 'string', default: '1000000' },
      'per-process': { type: 'string', default: '500' },
      share: { type: 'boolean', default: false },
    },
    allowPositionals: true,
  });
  if (values.share) {
    const [seed, count] = positionals.map(Number) as [number, number];
    process.stdout.write(JSON.stringify(await fuzzShare(seed, count)));
    return;
  }
  const fuzzed = await fuzz(
    Number(values.seed),
    Number(values.count),
    Number(values['per-process']),
  );
  const measured = await measureHostile();
  process.exitCode = fuzzed && measured ? 0 : 1;
}

await main();
