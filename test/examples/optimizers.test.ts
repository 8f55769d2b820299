/** The comparison of optimizers: equal numbers of tries, and the page says what was found. */
import * as fs from 'node:fs';
import * as path from 'node:path';

import { tableOf } from '../../examples/optimizers/document';
import { readResults } from '../../examples/optimizers/results';
import { CONTESTANTS, SEEDS } from '../../examples/optimizers/settings';

test('every contestant had as many tries and seeds, and its rate is the best of its tries', () => {
  const { contestants } = readResults();
  expect(contestants.map(({ name }) => name)).toEqual(CONTESTANTS.map(({ name }) => name));
  for (const { sets, rates, rate, sweep } of contestants) {
    expect(sweep.map((one) => one.rate)).toEqual(rates);
    const best = Math.max(...sweep.map(({ heldOut }) => heldOut));
    expect(sweep.find((one) => one.rate === rate)?.heldOut).toBe(best);
    sets.forEach(({ runs }, i) => {
      const seeds = runs.map(({ seed }) => seed);
      expect(seeds).toEqual(SEEDS.slice(0, seeds.length));
      expect(seeds).toEqual(contestants[0]?.sets[i]?.runs.map(({ seed }) => seed));
      expect(seeds).not.toEqual([]);
    });
  }
});

test('the page has the table of the committed results', () => {
  const page = fs.readFileSync(path.join(__dirname, '../../docs/experiments.md'), 'utf8');
  expect(page).toContain(tableOf(readResults().contestants));
});
