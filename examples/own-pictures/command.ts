/** The command `train`, killed on the way and gone on with. */
import { type ChildProcess, spawn } from 'node:child_process';
import * as fs from 'node:fs';
import * as path from 'node:path';
import { fileURLToPath } from 'node:url';

import { NETWORK, SIDE } from './network';

const MAIN = fileURLToPath(new URL('../../src/cli/main.ts', import.meta.url));

/** What came of it. */
export interface CommandResult {
  /** What was typed, with the name of the pictures' folder. */
  command: string;
  trainingPictures: number;
  /** Steps that the killed process had told of. */
  killedAfterEpoch: number;
  epochs: number;
  steps: number;
  /** Of the official test part. */
  testPictures: number;
  top1: number;
  /** Of all runs together. */
  seconds: number;
  peakBytes: number;
  files: string[];
}

/** Trains in a process of its own, kills it in the middle of an epoch, and goes on in another one. */
export async function trainByCommand(
  pictures: string,
  out: string,
  epochs: number,
): Promise<CommandResult> {
  fs.rmSync(out, { recursive: true, force: true });
  const { columns, channels, depths, patchSize } = NETWORK;
  const args =
    `--model revcol_tiny --columns ${columns} --channels ${channels.join(',')} ` +
    `--depths ${depths.join(',')} --patch-size ${patchSize} --input-size ${SIDE} ` +
    `--epochs ${epochs} --backend wasm`;
  const words = ['train', pictures, ...args.split(' '), '--out', out];
  const killAfter = Math.max(1, Math.floor(epochs / 3));
  await running(words, (line, child) => {
    if (line.startsWith(`epoch ${killAfter} of `)) {
      setTimeout(() => child.kill('SIGKILL'), 3000);
    }
  });
  await running([...words, '--resume'], () => undefined);
  const { settings, history, steps, seconds, evaluation } = JSON.parse(
    fs.readFileSync(path.join(out, 'history.json'), 'utf8'),
  ) as {
    settings: { examples: number };
    history: { peakBytes?: number }[];
    steps: number;
    seconds: number;
    evaluation: { top1: number; examples: number };
  };
  return {
    command: `tfjs-revcol train pictures ${args} --out out`,
    trainingPictures: settings.examples,
    killedAfterEpoch: killAfter,
    epochs,
    steps,
    testPictures: evaluation.examples,
    top1: evaluation.top1,
    seconds: Math.round(seconds),
    peakBytes: Math.max(...history.map(({ peakBytes = 0 }) => peakBytes)),
    files: fs.readdirSync(out).sort(),
  };
}

/** Runs the command line; hands on what it says. */
function running(
  args: readonly string[],
  onLine: (line: string, child: ChildProcess) => void,
): Promise<void> {
  const child = spawn(process.execPath, ['--import', 'tsx', MAIN, ...args], {
    stdio: ['ignore', 'inherit', 'pipe'],
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    process.stderr.write(text);
    for (const line of text.split('\n')) onLine(line, child);
  });
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code, signal) => {
      if (code === 0 || signal === 'SIGKILL') resolve();
      else reject(new Error(`tfjs-revcol ${args.join(' ')} ended with ${code ?? signal}`));
    });
  });
}
