/** What was found, as the tables and the picture of the documents. */
import * as fs from 'node:fs';

import { writeBetweenMarks } from '../shared/page';
import { meanAndDeviation, table } from '../shared/table';
import { similarityChart } from './chart';
import { type NetworkResult, readResults } from './results';

const [PAGE, PICTURE] = ['docs/experiments.md', 'docs/assets/columns.svg'] as const;

/** Writes the picture, and the tables between their marks in the page. */
export function writeDocument(): void {
  const { networks } = readResults();
  const title = 'Similarity (linear CKA) of each level of each column, by network';
  fs.writeFileSync(PICTURE, similarityChart(networks, title));
  writeBetweenMarks(PAGE, 'columns', tablesOf(networks));
}

/** The tables, as Markdown. */
export function tablesOf(networks: readonly NetworkResult[]): string {
  return [accuracyTable(networks), similarityTable(networks)].join('\n\n');
}

function accuracyTable(networks: readonly NetworkResult[]): string {
  const percent = (shares: readonly number[]) =>
    meanAndDeviation(
      shares.map((s) => 100 * s),
      1,
    );
  const last = (shares: readonly number[]) => shares.at(-1) as number;
  return table(
    [
      'columns',
      'channels',
      'parameters',
      'multiply-adds',
      'rate',
      'held out, %',
      'test, %',
      'by seed',
    ],
    networks.map((network) => [
      network.name,
      network.channels.join(' '),
      String(network.parameters),
      String(network.multiplyAdds),
      String(network.rate),
      percent(network.runs.map(({ heldOut }) => last(heldOut))),
      percent(network.runs.map(({ test }) => last(test))),
      network.runs.map(({ test }) => (100 * last(test)).toFixed(1)).join(', '),
    ]),
  );
}

function similarityTable(networks: readonly NetworkResult[]): string {
  const levels = networks[0]?.channels.map((_, level) => level) ?? [];
  return table(
    [
      'columns',
      'column',
      ...levels.map((l) => `label, level ${l}`),
      ...levels.map((l) => `image, level ${l}`),
    ],
    networks.flatMap(({ name, columns, runs, cka, deviation }) =>
      Array.from({ length: columns }, (_, c) => {
        const cells = (part: 'image' | 'label') =>
          levels.map((l) => {
            const [value, apart] = [cka, deviation].map((of) => of[part][c]?.[l] as number);
            return `${value?.toFixed(2)}${runs.length > 1 ? ` ± ${apart?.toFixed(2)}` : ''}`;
          });
        return [c === 0 ? name : '', String(c), ...cells('label'), ...cells('image')];
      }),
    ),
  );
}
