/** A process that computes on threads, and ends in the way that its argument names. */
import '@tensorflow/tfjs-backend-wasm';
import * as tf from '@tensorflow/tfjs';

import { poolOf } from '../../../../src/ops/kernels/wasm/simd_module';
import { setWasmThreads } from '../../../../src/ops/kernels/wasm_threads';
import { matMul2d } from '../../../../src/ops/mat_mul';
import { registerLayers } from '../../../../src/registry/register_layers';

const [ending] = process.argv.slice(2);
tf.enableProdMode();
registerLayers();
const { instantiate } = WebAssembly;
if (ending === 'late') await tf.setBackend('wasm');
const tooLate = ending === 'late, not awaited' && tf.setBackend('wasm');
const calls =
  ending === 'not awaited'
    ? [setWasmThreads(1), setWasmThreads(2), setWasmThreads(1), setWasmThreads()]
    : [setWasmThreads()];
const answers = Promise.all(calls);
if (ending !== 'not awaited') await answers;
await tf.setBackend('wasm');
await tooLate;
const { threads } = (await answers).at(-1) as { threads: number };
const x = tf.randomNormal([512, 64]);
const pool = () => poolOf(tf.backend() as unknown as Parameters<typeof poolOf>[0]);
for (let i = 0; i < 10000 && threads > 1 && !pool()?.taken; i++) matMul2d(x, x, true).dispose();
const shared = (pool()?.taken ?? 0) > 0;
const restored = WebAssembly.instantiate === instantiate;
process.stdout.write(JSON.stringify({ threads, shared, restored }));
if (ending === 'throws') throw new Error('on purpose');
