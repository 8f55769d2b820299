/**
 * Seconds of a training step and of a forward pass of RevCol at Tiny's width: stock tfjs autodiff,
 * stored mode, reversible mode, taking turns in one process, so that whatever else the machine does
 * hits all alike. Medians and minima.
 *
 *   npx tsx bench/training_speed.ts --backend wasm --batch 1
 *   npx tsx bench/training_speed.ts --backend tensorflow --batch 2 --rounds 7
 */
import { parseArgs } from 'node:util';

import { median, useBackend } from './support';
import { makeTraining, type Mode } from './training_case';

const { values } = parseArgs({
  options: {
    backend: { type: 'string', default: 'wasm' },
    batch: { type: 'string', default: '1' },
    columns: { type: 'string', default: '4' },
    modes: { type: 'string', default: 'stock,stored,reversible' },
    rounds: { type: 'string', default: '5' },
    side: { type: 'string', default: '224' },
  },
});

await useBackend(values.backend);
const [columns, batch, side] = [values.columns, values.batch, values.side].map(Number) as [
  number,
  number,
  number,
];

interface Contestant {
  mode: Mode;
  run: { forward(): void; step(): void };
  forward: number[];
  step: number[];
}

const contestants: Contestant[] = (values.modes.split(',') as Mode[]).map((mode) => ({
  mode,
  run: makeTraining(mode, columns, batch, side),
  forward: [],
  step: [],
}));

for (const what of ['forward', 'step'] as const) {
  // Warming up takes two rounds: only then do backends have all the memory they will need.
  for (let round = -2; round < Number(values.rounds); round++) {
    for (const contestant of contestants) {
      const start = performance.now();
      contestant.run[what]();
      if (round >= 0) contestant[what].push((performance.now() - start) / 1000);
    }
  }
}

console.log(
  `backend ${values.backend}, batch ${batch}, ${side} x ${side}, ${columns} columns, ` +
    `${values.rounds} rounds\n`,
);
console.log('| mode | forward: median | min | step: median | min | step, first mode = 1 |');
console.log('|---|---|---|---|---|---|');
const reference = median((contestants[0] as Contestant).step);
for (const { mode, forward, step } of contestants) {
  const cells = [median(forward), Math.min(...forward), median(step), Math.min(...step)];
  console.log(
    `| ${mode} | ${cells.map((s) => s.toFixed(3)).join(' | ')} | ` +
      `${(median(step) / reference).toFixed(2)} |`,
  );
}
