/**
 * onnxruntime as a contestant, in Node or as WebAssembly, on the PyTorch network exported as ONNX. Started
 * by the suite with a task as JSON.
 */
import { execFileSync } from 'node:child_process';
import * as fs from 'node:fs';
import { createRequire } from 'node:module';
import * as os from 'node:os';
import * as path from 'node:path';

import { openCheckpoint } from 'tfjs-revcol';
import { writeSafetensors } from '../../src/weights/safetensors/writer';
import { PEERS_FOLDER, ROOT } from '../suite/contestants';
import type { Task } from '../suite/messages';
import { serve } from '../suite/worker';
import { isOperations } from '../suite/workload';

/** As much of onnxruntime's interface as is used here. */
interface OnnxRuntime {
  Tensor: new (
    type: string,
    data: Float32Array | BigInt64Array,
    shape: readonly number[],
  ) => object;
  InferenceSession: {
    create(model: Uint8Array, options: object): Promise<OnnxSession>;
  };
  env: { wasm: { numThreads?: number } };
}

interface OnnxOutput {
  data: Float32Array;
  dims: number[];
}

interface OnnxSession {
  run(inputs: Record<string, object>): Promise<Record<string, OnnxOutput>>;
}

function exported(task: Task): Uint8Array {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'revcol-onnx-'));
  const file = path.join(folder, 'network.onnx');
  try {
    execFileSync(
      path.join(PEERS_FOLDER, 'python/bin/python'),
      [path.join(ROOT, 'bench/peers/export_onnx.py'), JSON.stringify(task), file],
      { stdio: ['ignore', 'ignore', 'pipe'], maxBuffer: 1 << 26 },
    );
    return fs.readFileSync(file);
  } finally {
    fs.rmSync(folder, { recursive: true });
  }
}

/** The batch of the task: images as float32, ids as int64. */
async function readInput(task: Task, runtime: OnnxRuntime): Promise<object> {
  const checkpoint = await openCheckpoint(task.inputs as string);
  const { shape } = checkpoint.entries.get('x') as { shape: number[] };
  const values = await checkpoint.read('x');
  await checkpoint.close();
  const isImage = !isOperations(task.workload) && task.workload.network.kind !== 'tokens';
  return isImage
    ? new runtime.Tensor('float32', values, shape)
    : new runtime.Tensor(
        'int64',
        BigInt64Array.from(values, (v) => BigInt(v)),
        shape,
      );
}

await serve(async (task) => {
  if (!task.weights) throw new Error('an ONNX file needs weights: run with outputs compared');
  const require = createRequire(path.join(PEERS_FOLDER, 'package.json'));
  const runtime = require(task.variant) as OnnxRuntime;
  const isWeb = task.variant === 'onnxruntime-web';
  if (isWeb) runtime.env.wasm.numThreads = task.threads;
  const session = await runtime.InferenceSession.create(exported(task), {
    executionProviders: [isWeb ? 'wasm' : 'cpu'],
    intraOpNumThreads: task.threads,
    graphOptimizationLevel: 'all',
  });
  const x = await readInput(task, runtime);
  const run = async () => (await session.run({ x })).logits as OnnxOutput;
  // Read as a file: not every package lets its manifest be required.
  const manifest = path.join(PEERS_FOLDER, 'node_modules', task.variant, 'package.json');
  const { version } = JSON.parse(fs.readFileSync(manifest, 'utf8')) as { version: string };
  return {
    versions: { [task.variant]: version, node: process.version },
    parameters: null,
    programs: {
      forward: async () => {
        await run();
      },
    },
    check: async (file) => {
      const { data, dims } = await run();
      await writeSafetensors([{ name: 'output', shape: dims, read: async () => data }], file);
    },
  };
});
