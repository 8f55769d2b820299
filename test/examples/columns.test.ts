/** The experiment of columns: its networks are equal in size, and the page says what was found. */
import * as fs from 'node:fs';
import * as path from 'node:path';

import { tablesOf } from '../../examples/columns/document';
import { readResults } from '../../examples/columns/results';
import { CONTESTANTS, costs, SEEDS } from '../../examples/columns/settings';
import { network } from '../../examples/columns/train';
import { useBackend } from '../support/backends';

test('the networks have as many parameters and multiply-adds, within 3 %', () => {
  for (const kind of ['parameters', 'multiplyAdds'] as const) {
    const all = CONTESTANTS.map((contestant) => costs(contestant)[kind]);
    expect(Math.max(...all) / Math.min(...all)).toBeLessThan(1.03);
  }
  expect(CONTESTANTS.map(({ columns, depth }) => columns * depth)).toEqual(Array(6).fill(8));
});

test('what is counted is what is built', async () => {
  await useBackend('cpu');
  const random = Math.random;
  const [one] = CONTESTANTS;
  const model = network(one as (typeof CONTESTANTS)[0], 1);
  Math.random = random;
  expect(model.countParams()).toBe(costs(one as (typeof CONTESTANTS)[0]).parameters);
  model.dispose();
});

test('the page has the tables of the committed results', () => {
  const { networks } = readResults();
  expect(networks.map(({ name }) => name)).toEqual(CONTESTANTS.map(({ name }) => name));
  expect(networks.every(({ runs }) => runs.length <= SEEDS.length && runs.length > 0)).toBe(true);
  const page = fs.readFileSync(path.join(__dirname, '../../docs/experiments.md'), 'utf8');
  expect(page).toContain(tablesOf(networks));
});
