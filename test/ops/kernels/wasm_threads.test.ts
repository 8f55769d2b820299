import { execFile } from 'node:child_process';
import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import * as tf from '@tensorflow/tfjs';
import { build } from 'esbuild';

import { createModel, setWasmThreads } from 'tfjs-revcol';
import { withSharedMemory } from '../../../src/ops/kernels/shared_memory';
import { SIMD_FLAG } from '../../../src/ops/kernels/simd_module';
import { poolOf } from '../../../src/ops/kernels/wasm/simd_module';
import { describeBackends, expectNoLeak } from '../../support/backends';
import {
  normalTensor,
  projectedLoss,
  randomizeWeights,
  takeStep,
} from '../../support/training_step';

const ROOT = path.join(__dirname, '../../..');
const CORES = os.availableParallelism();

describeBackends(
  'threads',
  () => {
    const pool = () => poolOf(tf.backend() as unknown as Parameters<typeof poolOf>[0]);

    afterAll(async () => {
      await setWasmThreads(1);
    });

    test('a step of training gives the bits that it gives on one, with as many tensors', async () => {
      const model = createModel('revcol_tiny', {
        columns: 2,
        channels: [32, 48],
        depths: [1, 1],
        inputShape: [64, 64, 3],
        numClasses: 4,
      });
      randomizeWeights(model.weights, 1);
      const x = normalTensor([2, 64, 64, 3], 2);
      const step = () =>
        takeStep(
          () => projectedLoss(model.apply(x, { training: true }) as tf.Tensor),
          [...model.trainableWeights],
        );
      await setWasmThreads(1);
      const alone = step();
      const { threads } = await setWasmThreads(2);
      expect(threads).toBe(Math.min(2, CORES));
      const before = pool()?.taken ?? 0;
      await expectNoLeak(() => {
        for (let i = 0; i < 500 && threads > 1 && (pool()?.taken ?? 0) === before; i++) {
          expect(step()).toEqual(alone);
        }
      });
      if (threads > 1) expect(pool()?.taken).toBeGreaterThan(before);
      await setWasmThreads(1);
      expect(step()).toEqual(alone);
      expect(pool()).toBeUndefined();
      x.dispose();
      model.dispose();
    });

    test('are as many as there are cores, and at most what is said', async () => {
      expect(await setWasmThreads(1)).toEqual({ threads: 1 });
      const most = Math.min(CORES, 32);
      expect((await setWasmThreads()).threads).toBe(most);
      const reason = CORES === 1 ? 'there is only one core' : expect.stringContaining('cores');
      expect(await setWasmThreads(999)).toEqual({ threads: most, reason });
    });

    test('need SIMD', async () => {
      tf.env().set(SIMD_FLAG, false);
      try {
        const { threads, reason } = await setWasmThreads(2);
        expect({ threads, reason }).toEqual({
          threads: 1,
          reason: CORES === 1 ? 'there is only one core' : `the tfjs flag ${SIMD_FLAG} is off`,
        });
      } finally {
        tf.env().set(SIMD_FLAG, true);
      }
    });

    test.each([0, -1, 1.5, NaN, '2', null])('are not %p', async (count) => {
      await expect(setWasmThreads(count as number)).rejects.toThrow(
        'expected an integer of at least 1',
      );
    });
  },
  { only: ['wasm'] },
);

// Before the backend of the tests above starts.
beforeAll(async () => {
  await setWasmThreads(2);
});

test('only the module of tfjs gets a shared memory', () => {
  const folder = path.dirname(require.resolve('@tensorflow/tfjs-backend-wasm'));
  const bytes = fs.readFileSync(path.join(folder, 'tfjs-backend-wasm-simd.wasm'));
  const shared = withSharedMemory(bytes) as Uint8Array;
  const different = [...shared.entries()].filter(([i, byte]) => byte !== bytes[i]);
  expect(different.map(([, byte]) => byte)).toEqual([3]);
  expect(WebAssembly.validate(shared as BufferSource)).toBe(true);
  expect(withSharedMemory(Uint8Array.of(0, 97, 115, 109, 1, 0, 0, 0))).toBeNull();
});

describe('a process', () => {
  let folder: string;
  beforeAll(async () => {
    folder = fs.mkdtempSync(path.join(os.tmpdir(), 'revcol-threads-'));
    await build({
      entryPoints: [path.join(__dirname, 'support/threads_child.ts')],
      outfile: path.join(folder, 'child.mjs'),
      absWorkingDir: ROOT,
      bundle: true,
      platform: 'node',
      format: 'esm',
      external: ['@tensorflow/*'],
      logLevel: 'error',
    });
    fs.symlinkSync(path.join(ROOT, 'node_modules'), path.join(folder, 'node_modules'));
  });
  afterAll(() => fs.rmSync(folder, { recursive: true }));

  const run = (ending: string) =>
    new Promise<{ code: number; stdout: string; stderr: string }>((resolve) => {
      const args = [path.join(folder, 'child.mjs'), ending];
      execFile(process.execPath, args, (error, stdout, stderr) => {
        resolve({ code: Number(error?.code ?? 0), stdout, stderr });
      });
    });

  const worked = { threads: CORES, shared: CORES > 1, restored: true };

  test('ends by itself, though its threads have not', async () => {
    const { code, stdout, stderr } = await run('by itself');
    expect({ code, stderr, ...(JSON.parse(stdout) as object) }).toEqual({
      ...{ code: 0, stderr: '' },
      ...worked,
    });
  });

  test('ends of an error', async () => {
    const { code, stdout, stderr } = await run('throws');
    expect(JSON.parse(stdout)).toEqual(worked);
    expect(code).not.toBe(0);
    expect(stderr).toContain('on purpose');
  });

  test('may start the backend before it knows what its calls come to, of which the last counts', async () => {
    const { code, stdout, stderr } = await run('not awaited');
    expect({ code, stderr, ...(JSON.parse(stdout) as object) }).toEqual({
      ...{ code: 0, stderr: '' },
      ...worked,
    });
  });

  test.each(['late', 'late, not awaited'])(
    'is told where it starts the backend too early: %s',
    async (ending) => {
      const { code, stderr } = await run(ending);
      if (CORES === 1) return;
      expect(code).not.toBe(0);
      expect(stderr).toContain("await setWasmThreads before tf.setBackend('wasm')");
    },
  );
});
