/**
 * The table of exact counts, `counts.json`. After a change that is meant, whose commit says why the
 * counts changed:
 *
 *   REVCOL_WRITE_COUNTS=1 npx jest test/models/counts
 *   REVCOL_WRITE_COUNTS=1 npm run test:browser -- -t counts
 */
import * as fs from 'node:fs';
import * as path from 'node:path';

import type { NetworkCounts } from './counts';

const FILE = path.join(import.meta.dirname, 'counts.json');
const HOW =
  'counts are those of counts.json; where a change is meant, REVCOL_WRITE_COUNTS=1 npx jest ' +
  'test/models/counts (in a page: npm run test:browser -- -t counts) writes them, and the commit must ' +
  'say why they changed';

/** By network and backend. */
type Table = Record<string, Record<string, NetworkCounts>>;

/** Asserts the counts of a network on a backend, or writes them where `REVCOL_WRITE_COUNTS` is set. */
export function expectCounts(network: string, backend: string, counts: NetworkCounts): void {
  const table = JSON.parse(fs.readFileSync(FILE, 'utf8')) as Table;
  if (process.env.REVCOL_WRITE_COUNTS) {
    table[network] = { ...table[network], [backend]: counts };
    fs.writeFileSync(FILE, `${JSON.stringify(table, null, 2)}\n`);
  }
  expect({ [HOW]: { network, backend, counts } }).toEqual({
    [HOW]: { network, backend, counts: table[network]?.[backend] },
  });
}
