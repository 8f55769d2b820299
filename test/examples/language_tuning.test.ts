/** The language models that are tuned alike: equal tries, equal sizes, the best is kept, and the page says what was found. */
import * as fs from 'node:fs';
import * as path from 'node:path';
import * as tf from '@tensorflow/tfjs';

import { revColModel } from '../../examples/language-model/models';
import { bisectTable, tablesOf } from '../../examples/language-tuning/document';
import { setInitial } from '../../examples/language-tuning/initial';
import { readResults } from '../../examples/language-tuning/results';
import { build } from '../../examples/language-tuning/runs';
import { search } from '../../examples/language-tuning/search';
import {
  type Contestant,
  CONTESTANTS,
  type Settings,
} from '../../examples/language-tuning/settings';
import { STEP_SEEDS, STEPS } from '../../examples/language-tuning/steps';
import { useBackend } from '../support/backends';

const contestant = (name: string) => CONTESTANTS.find((one) => one.name === name) as Contestant;

test('all had as many tries, in the order of the search, and what is compared was chosen by it', () => {
  const { contestants } = readResults();
  expect(contestants.map(({ name }) => name)).toEqual(CONTESTANTS.map(({ name }) => name));
  expect(new Set(CONTESTANTS.map(({ groups }) => groups.flat().length)).size).toBe(1);
  expect(new Set(contestants.map(({ tries }) => tries.length)).size).toBe(1);
  const trained = contestants.map(({ states }) =>
    states.map(({ state, epochs, runs }) => [state, epochs, runs.map(({ seed }) => seed)]),
  );
  expect(trained[1]).toEqual(trained[0]);
  for (const { name, tries, states } of contestants) {
    const known = new Map(tries.map((one) => [JSON.stringify(one.settings), one.perplexity]));
    const found = search(contestant(name), (settings) => known.get(JSON.stringify(settings)));
    expect(found.tries).toEqual(tries);
    expect(found.best.perplexity).toBe(Math.min(...tries.map(({ perplexity }) => perplexity)));
    if (states.length > 0) expect(found.next).toBeNull();
    for (const { state, settings } of states) {
      expect(settings).toEqual(state === 'tuned' ? found.best.settings : contestant(name).start);
    }
  }
});

test('all that is compared has as many parameters, within a percent', async () => {
  await useBackend('cpu');
  const model = revColModel({ vocabulary: 20, width: 64, heads: 4, dropout: 0 });
  const allowed = model.countParams();
  model.dispose();
  const settings = CONTESTANTS.flatMap(({ start, groups }) => [
    start,
    ...groups.flat().map(({ set }) => set(start)),
  ]);
  const pieces = STEPS.map((step) => step.settings);
  const arrangement = (one: Settings) => JSON.stringify([one.columns, one.transformer, one.pieces]);
  const arranged = new Map([...settings, ...pieces].map((one) => [arrangement(one), one]));
  expect(new Set(settings.map(arrangement)).size).toBe(6);
  for (const one of arranged.values()) {
    const built = build(one, 20, allowed);
    expect(built.countParams() / allowed).toBeGreaterThan(0.99);
    expect(built.countParams()).toBeLessThanOrEqual(allowed);
    built.dispose();
  }
});

test('a search keeps what is better, and tries a group with what was best before', () => {
  const set = (name: string, value: Partial<Settings>) => ({
    name,
    set: (settings: Settings) => ({ ...settings, ...value }),
  });
  const start: Settings = { rate: 1, dropout: 0, initial: { kernels: '0.02' } };
  const groups = [
    [set('twice', { rate: 2 }), set('thrice', { rate: 3 })],
    [set('some dropout', { dropout: 0.1 })],
  ];
  const worth = ({ rate, dropout }: Settings) => 10 - rate + 100 * dropout;
  const all = search({ name: 'any', start, groups }, worth);
  expect(all.tries.map(({ name, perplexity }) => [name, perplexity])).toEqual([
    ['start', 9],
    ['twice', 8],
    ['thrice', 7],
    ['some dropout', 17],
  ]);
  expect(all.best.name).toBe('thrice');
  expect(all.next).toBeNull();
  const some = search({ name: 'any', start, groups }, (settings) =>
    settings.dropout > 0 ? undefined : worth(settings),
  );
  expect(some.next).toEqual({
    name: 'some dropout',
    settings: { ...start, rate: 3, dropout: 0.1 },
  });
});

test('kernels, fusions and alphas start as the settings say', async () => {
  await useBackend('cpu');
  const { start } = contestant('RevCol');
  const model = build(start, 10, 1e6);
  const valueOf = (path: string) =>
    model.trainableWeights
      .find(({ originalName }) => originalName.endsWith(path))
      ?.read() as tf.Tensor;
  const deviationOf = (path: string): number =>
    tf.tidy(() => Math.sqrt(tf.moments(valueOf(path)).variance.dataSync()[0] as number));
  const last = 'column_2/level_1';
  setInitial(model, { kernels: 'fan-in', fusions: 'identity', alpha: 1, branches: 0.1 });
  // A truncated normal's own deviation is 0.88 of what is given.
  expect(deviationOf(`${last}/block_0/attention/query/kernel`)).toBeCloseTo(0.88 / 8, 2);
  expect(deviationOf(`${last}/block_0/attention/attention_output/kernel`)).toBeCloseTo(0.011, 3);
  const project = `${last}/block_0/feedforward/project/kernel`;
  const hidden = valueOf(project).shape[0] as number;
  expect(deviationOf(project)).toBeCloseTo(0.088 / Math.sqrt(hidden), 3);
  expect(deviationOf('classifier/kernel')).toBeCloseTo(0.88 / 8, 2);
  const alpha = [...valueOf(`${last}/alpha`).dataSync()];
  expect(new Set(alpha)).toEqual(new Set([1]));
  const identity = tf.eye(64);
  expect(valueOf(`${last}/fusion/down/kernel`).dataSync()).toEqual(identity.dataSync());
  setInitial(model, { kernels: '0.02', fusions: 'orthogonal' });
  const product = tf.tidy(() => {
    const kernel = valueOf('column_1/level_0/fusion/up/kernel') as tf.Tensor2D;
    return tf.matMul(kernel, kernel, true).dataSync();
  });
  const errors = [...identity.dataSync()].map((value, i) =>
    Math.abs(value - (product[i] as number)),
  );
  expect(Math.max(...errors)).toBeLessThan(1e-4);
  identity.dispose();
  model.dispose();
});

test('what was bisected is what the steps say, and steps lead from the transformer to it', () => {
  const { bisect } = readResults();
  const known = STEPS.filter(({ name }) => bisect.some((step) => step.name === name));
  expect(bisect.map(({ name, from, settings }) => ({ name, from, settings }))).toEqual(
    known.map(({ name, from, settings }) => ({ name, from, settings })),
  );
  for (const { runs } of bisect) {
    expect(runs.map(({ seed }) => seed)).toEqual(STEP_SEEDS.slice(0, runs.length));
  }
  expect(new Set(STEPS.map(({ settings }) => JSON.stringify(settings))).size).toBe(STEPS.length);
  STEPS.forEach(({ from }, i) => {
    const before = STEPS.slice(0, i).map(({ name }) => name);
    expect(i === 0 ? from === undefined : before.includes(from as string)).toBe(true);
  });
});

test('the page has the tables of the committed results', () => {
  const page = fs.readFileSync(path.join(__dirname, '../../docs/experiments.md'), 'utf8');
  const { contestants, bisect } = readResults();
  expect(page).toContain(tablesOf(contestants));
  expect(page).toContain(bisectTable(bisect));
});
