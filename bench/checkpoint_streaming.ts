/**
 * Time and memory of converting and loading a checkpoint, from a file, a Blob and an HTTP server with
 * ranges. Each case runs in a process of its own. Ends with exit code 1 where a conversion takes more
 * memory than the largest tensor and 256 MB.
 *
 *   python bench/make_checkpoint.py --model-dir DIR --size tiny tiny.pth   # needs PyTorch
 *   npx tsx bench/checkpoint_streaming.ts tiny.pth
 *   npx tsx bench/checkpoint_streaming.ts large.pth --no-load
 */
import '@tensorflow/tfjs-backend-cpu';
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import * as fs from 'node:fs';
import { openAsBlob } from 'node:fs';
import * as http from 'node:http';
import type { AddressInfo } from 'node:net';
import * as os from 'node:os';
import * as path from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import * as tf from '@tensorflow/tfjs-core';

import {
  type CheckpointSource,
  convertCheckpoint,
  createModel,
  folderSink,
  loadCheckpoint,
  openCheckpoint,
} from 'tfjs-revcol';
import { architectureOf } from '../src/convert/architecture';
import { writeSafetensors } from '../src/weights/safetensors/writer';
import { peakBytes } from '../test/weights/support/measure_hostile';

const SOURCES = ['file', 'blob', 'http'] as const;
const TARGETS = ['tfjs', 'float16', 'safetensors', 'model'] as const;
const MARGIN_BYTES = 256e6;

type SourceKind = (typeof SOURCES)[number];
type Target = (typeof TARGETS)[number];

interface Case {
  source: SourceKind;
  target: Target;
  /** Path or URL. */
  at: string;
  /** Folder to write to. */
  to: string;
}

interface Measured {
  seconds: number;
  peakBytes: number;
  largestBytes: number;
}

async function convert(source: CheckpointSource, { target, to }: Case): Promise<number> {
  const checkpoint = await openCheckpoint(source);
  // As float32, which tensors are read as.
  const counts = [...checkpoint.entries.values()].map(({ shape }) => tf.util.sizeFromShape(shape));
  if (target === 'safetensors') {
    const tensors = [...checkpoint.entries].map(([name, { shape }]) => ({
      name,
      shape,
      read: () => checkpoint.read(name),
    }));
    await writeSafetensors(tensors, path.join(to, 'out.safetensors'));
  } else if (target === 'model') {
    const { size, numClasses } = architectureOf(checkpoint.entries);
    if (size === undefined) throw new Error('the checkpoint is of no published size');
    await loadCheckpoint(createModel(size, { numClasses }), source);
  } else {
    const dtype = target === 'float16' ? 'float16' : 'float32';
    await convertCheckpoint(checkpoint, await folderSink(path.join(to, 'out')), { dtype });
  }
  await checkpoint.close();
  return 4 * counts.reduce((most, count) => Math.max(most, count), 0);
}

/** One process. */
async function measure(c: Case): Promise<Measured> {
  await tf.setBackend('cpu');
  globalThis.gc?.();
  const idle = process.memoryUsage().rss;
  const start = performance.now();
  const largestBytes = await convert(c.source === 'blob' ? await openAsBlob(c.at) : c.at, c);
  const seconds = (performance.now() - start) / 1000;
  return { seconds, peakBytes: peakBytes() - idle, largestBytes };
}

/** Serves one file with ranges, in this process. */
async function serve(file: string): Promise<void> {
  const { size } = fs.statSync(file);
  const server = http.createServer((req, res) => {
    const [, first, last] = /^bytes=(\d+)-(\d+)$/.exec(req.headers.range ?? '') ?? [];
    const start = Number(first ?? 0);
    const end = Math.min(Number(last ?? size - 1), size - 1);
    res.writeHead(first === undefined ? 200 : 206, {
      'content-length': String(end - start + 1),
      ...(first === undefined ? {} : { 'content-range': `bytes ${start}-${end}/${size}` }),
    });
    fs.createReadStream(file, { start, end })
      .on('error', () => res.destroy())
      .pipe(res);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  process.stdout.write(`http://127.0.0.1:${(server.address() as AddressInfo).port}/weights\n`);
}

async function startServer(file: string): Promise<[ChildProcess, url: string]> {
  const child = spawn(process.execPath, ['--import', 'tsx', SELF, '--serve', file], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const url = await new Promise<string>((resolve) => {
    child.stdout?.once('data', (data: Buffer) => resolve(data.toString().trim()));
  });
  return [child, url];
}

const SELF = fileURLToPath(import.meta.url);

async function compare(file: string, targets: readonly Target[]): Promise<boolean> {
  const [server, url] = await startServer(file);
  const megabytes = (bytes: number): string => (bytes / 1e6).toFixed(0).padStart(7);
  const print = (line: string): void => void process.stdout.write(`${line}\n`);
  print(`${path.basename(file)}: ${(fs.statSync(file).size / 1e6).toFixed(0)} MB`);
  print('from   to            seconds  peak MB  largest tensor MB');
  let isGood = true;
  try {
    for (const target of targets) {
      for (const source of SOURCES) {
        const to = fs.mkdtempSync(path.join(os.tmpdir(), 'revcol-streaming-'));
        const c: Case = { source, target, to, at: source === 'http' ? url : file };
        const flags = ['--expose-gc', '--import', 'tsx', SELF, '--case', JSON.stringify(c)];
        const child = spawnSync(process.execPath, flags, { encoding: 'utf8' });
        fs.rmSync(to, { recursive: true });
        if (child.status !== 0) throw new Error(`${source} to ${target}: ${child.stderr}`);
        const m = JSON.parse(child.stdout) as Measured;
        // A model holds all weights, and loading has the new ones beside the old.
        const fits = target === 'model' || m.peakBytes <= m.largestBytes + MARGIN_BYTES;
        isGood &&= fits;
        const seconds = m.seconds.toFixed(1).padStart(8);
        print(
          `${source.padEnd(6)} ${target.padEnd(12)} ${seconds}  ${megabytes(m.peakBytes)}  ` +
            `${megabytes(m.largestBytes)}${fits ? '' : '  TOO MUCH'}`,
        );
      }
    }
  } finally {
    server.kill();
  }
  return isGood;
}

const { values, positionals } = parseArgs({
  options: {
    case: { type: 'string' },
    serve: { type: 'string' },
    'no-load': { type: 'boolean', default: false },
  },
  allowPositionals: true,
});
if (values.serve !== undefined) await serve(values.serve);
else if (values.case !== undefined) {
  process.stdout.write(JSON.stringify(await measure(JSON.parse(values.case) as Case)));
} else {
  const targets = TARGETS.filter((target) => !(values['no-load'] && target === 'model'));
  let isGood = positionals.length > 0;
  for (const file of positionals) isGood = (await compare(file, targets)) && isGood;
  process.exitCode = isGood ? 0 : 1;
}
