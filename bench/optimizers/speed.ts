/**
 * Seconds of a training step by each way to train, taking turns in one process, so that whatever else the
 * machine does hits all alike. A way is an optimizer, or adapters of a rank and an optimizer.
 *
 *   npx tsx bench/optimizers/speed.ts --backend wasm --ways adamw,adamw+fused,adamw8bit+fused
 *   npx tsx bench/optimizers/speed.ts --backend tensorflow --batch 8 --ways adamw+fused,adapters8/adamw+fused
 */
import * as os from 'node:os';
import { parseArgs } from 'node:util';
import * as tf from '@tensorflow/tfjs';

import { addAdapters, createModel, type ModelName } from 'tfjs-revcol';
import { nativeOperations } from '../../src/registry/native_operations';
import { busyMs, processMs } from '../suite/machine';
import { makeOptimizer } from './by_name';
import { keep } from './kept';
import { median, useBackend } from './support';

/** What was timed. */
export interface SpeedCase {
  model: string;
  backend: string;
  batch: number;
  side: number;
  ways: string;
  rounds: number;
}

/** What came of it. */
export interface SpeedResult {
  /** Share of the whole machine that other processes used meanwhile. */
  othersShare: number;
  /** Of the package's own operations for backend tensorflow: `avx512 with 2 threads`, or why they are off. */
  ownOperations?: string;
  contestants: {
    name: string;
    medianSeconds: number;
    leastSeconds: number;
    /** Median of the ratios to the first one, round by round. */
    ratio: number;
  }[];
}

const { values } = parseArgs({
  options: {
    model: { type: 'string', default: 'revcol_tiny' },
    ways: { type: 'string', default: 'adamw,adamw+fused' },
    backend: { type: 'string', default: 'wasm' },
    batch: { type: 'string', default: '1' },
    side: { type: 'string', default: '224' },
    rounds: { type: 'string', default: '17' },
  },
});

await useBackend(values.backend);
const [batch, side] = [Number(values.batch), Number(values.side)];
const inputShape: [number, number, number] = [side, side, 3];
const x = tf.randomNormal([batch, ...inputShape], 0, 1, 'float32', 1);
const y = tf.tidy(() => tf.oneHot(tf.zeros([batch], 'int32'), 1000));

const contestants = values.ways.split(',').map((name) => {
  const model = createModel(values.model as ModelName, { inputShape, numClasses: 1000 });
  const [, rank, optimizerName] = /^(?:adapters(\d+)\/)?(.*)$/.exec(name) as RegExpExecArray;
  if (rank !== undefined) addAdapters(model, { rank: Number(rank) });
  const optimizer = makeOptimizer(optimizerName ?? '');
  const variables = model.trainableWeights.map((w) => w.read() as tf.Variable);
  const loss = () =>
    tf.losses.softmaxCrossEntropy(y, model.apply(x, { training: true }) as tf.Tensor) as tf.Scalar;
  const step = () => {
    const value = optimizer.minimize(loss, true, variables) as tf.Scalar;
    value.dataSync();
    value.dispose();
  };
  return { name, step, seconds: [] as number[] };
});

const clock = () => ({
  wall: performance.now(),
  all: busyMs() ?? NaN,
  own: processMs(process.pid) ?? NaN,
});
let before = clock();
// Warming up takes two rounds: only then do backends have all the memory they will need.
for (let round = -2; round < Number(values.rounds); round++) {
  if (round === 0) before = clock();
  // Turns about, so that nobody always comes first.
  for (const { step, seconds } of round % 2 === 0 ? contestants : [...contestants].reverse()) {
    const start = performance.now();
    step();
    if (round >= 0) seconds.push((performance.now() - start) / 1000);
  }
}
const after = clock();
const others = after.all - before.all - (after.own - before.own);
const othersShare = others / ((after.wall - before.wall) * os.availableParallelism());

const reference = contestants[0]?.seconds ?? [];
const own = values.backend === 'tensorflow' ? nativeOperations() : undefined;
const result: SpeedResult = {
  othersShare: Number(Math.max(0, othersShare).toFixed(3)),
  ...(own && {
    ownOperations: own.on
      ? `${own.instructions} with ${own.threads} threads`
      : `off (${own.reason})`,
  }),
  contestants: contestants.map(({ name, seconds }) => ({
    name,
    medianSeconds: median(seconds),
    leastSeconds: Math.min(...seconds),
    ratio: median(seconds.map((s, i) => s / (reference[i] as number))),
  })),
};
const { model, backend, ways } = values;
const given: SpeedCase = { model, backend, batch, side, ways, rounds: Number(values.rounds) };
keep('speed', given, result);

console.log(`${model}, backend ${backend}, batch ${batch}, ${side} x ${side}`);
if (result.ownOperations) console.log(`own operations ${result.ownOperations}`);
console.log(`others used ${(100 * result.othersShare).toFixed(0)} % of the machine\n`);
console.log('| way | median | min | median of ratios to the first, round by round |');
console.log('|---|---|---|---|');
for (const { name, medianSeconds, leastSeconds, ratio } of result.contestants) {
  console.log(
    `| ${name} | ${medianSeconds.toFixed(3)} | ${leastSeconds.toFixed(3)} | ${ratio.toFixed(3)} |`,
  );
}
