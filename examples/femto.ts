/**
 * The weights that ship with the package, on the test pictures of what they were trained on.
 *
 *   npx tsx examples/femto.ts --data fashion-mnist            both sets
 *   npx tsx examples/femto.ts                                 digits alone, which need no files
 *   npx tsx examples/femto.ts --data fashion-mnist --check    fails where a card says another accuracy
 */
import { createModel } from 'tfjs-revcol/models';
import { pretrainedWeights } from 'tfjs-revcol/weights';
import { DATA_SETS } from './fashion/data';
import { accuracyOf } from './fashion/train';
import { startBackend } from './shared/backend';
import { readArguments } from './shared/command';
import { table } from './shared/table';

const { values } = readArguments(import.meta.url, {
  options: {
    /** The folder that holds the four files of Fashion-MNIST as they are published. */
    data: { type: 'string' },
    backend: { type: 'string' },
    check: { type: 'boolean', default: false },
  },
});

/** Other backends round otherwise: so many of 10,000 pictures may fall on the other side. */
const TOLERANCE = 0.05;

const backend = await startBackend(values.backend ?? 'wasm');
const rows: string[][] = [];
for (const name of ['digits', 'fashion'] as const) {
  if (name === 'fashion' && values.data === undefined) continue;
  const weights = `revcol_femto.${name}` as const;
  const model = await createModel(weights, { pretrained: true });
  const set = DATA_SETS[name];
  const { test } = set.load(values.data);
  const accuracy = accuracyOf(model, test, set);
  const { top1 = NaN } = pretrainedWeights(weights);
  rows.push([
    weights,
    String(model.countParams()),
    String(test.count),
    accuracy.toFixed(2),
    top1.toFixed(2),
  ]);
  model.dispose();
  if (values.check && !(Math.abs(accuracy - top1) <= TOLERANCE)) {
    throw new Error(
      `${weights}: ${accuracy} % of the test pictures are right, the card says ${top1}`,
    );
  }
}
console.log(`backend ${backend}\n`);
console.log(table(['weights', 'parameters', 'test pictures', 'right, %', 'card, %'], rows));
