/**
 * Seconds of a training step with fused and unfused updates, taking turns in one process, so that
 * whatever else the machine does hits both alike.
 *
 *   npx tsx bench/optimizers/speed.ts --model revcol_tiny --backend wasm --optimizers adamw,adamw+fused
 */
import { parseArgs } from 'node:util';
import * as tf from '@tensorflow/tfjs';

import { createModel, type ModelName } from 'tfjs-revcol';
import { makeOptimizer } from './by_name';
import { median, useBackend } from './support';

const { values } = parseArgs({
  options: {
    model: { type: 'string', default: 'revcol_tiny' },
    optimizers: { type: 'string', default: 'adamw,adamw+fused' },
    backend: { type: 'string', default: 'wasm' },
    batch: { type: 'string', default: '1' },
    side: { type: 'string', default: '224' },
    rounds: { type: 'string', default: '7' },
  },
});

await useBackend(values.backend);
const [batch, side] = [Number(values.batch), Number(values.side)];
const inputShape: [number, number, number] = [side, side, 3];
const x = tf.randomNormal([batch, ...inputShape], 0, 1, 'float32', 1);
const y = tf.tidy(() => tf.oneHot(tf.zeros([batch], 'int32'), 1000));

const contestants = values.optimizers.split(',').map((name) => {
  const model = createModel(values.model as ModelName, { inputShape, numClasses: 1000 });
  const optimizer = makeOptimizer(name);
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

// Warming up takes two rounds: only then do backends have all the memory they will need.
for (let round = -2; round < Number(values.rounds); round++) {
  // Turns about, so that nobody always comes first.
  for (const { step, seconds } of round % 2 === 0 ? contestants : [...contestants].reverse()) {
    const start = performance.now();
    step();
    if (round >= 0) seconds.push((performance.now() - start) / 1000);
  }
}

console.log(`${values.model}, backend ${values.backend}, batch ${batch}, ${side} x ${side}\n`);
console.log('| optimizer | median | min | median of ratios to the first, round by round |');
console.log('|---|---|---|---|');
const reference = contestants[0]?.seconds ?? [];
for (const { name, seconds } of contestants) {
  const ratios = seconds.map((s, i) => s / (reference[i] as number));
  console.log(
    `| ${name} | ${median(seconds).toFixed(3)} | ${Math.min(...seconds).toFixed(3)} | ` +
      `${median(ratios).toFixed(3)} |`,
  );
}
