/** Results of the benchmarks of optimizers that are kept, a file for each kind of case. */
import * as fs from 'node:fs';
import * as path from 'node:path';
import { isDeepStrictEqual } from 'node:util';

import { ROOT } from '../suite/contestants';
import { describeMachine, describeSource, type Machine, type Source } from '../suite/machine';

const FOLDER = path.join(ROOT, 'bench/optimizers/results');

/** A case that was measured. */
export interface Kept<Case, Result> {
  given: Case;
  result: Result;
  date: string;
  machine: Pick<Machine, 'processor' | 'cores' | 'memoryBytes' | 'node'>;
  source: Source;
}

const fileOf = (name: string) => path.join(FOLDER, `${name}.json`);

/** What is kept under a name; nothing where there is no file. */
export function keptCases<Case, Result>(name: string): Kept<Case, Result>[] {
  const file = fileOf(name);
  if (!fs.existsSync(file)) return [];
  return JSON.parse(fs.readFileSync(file, 'utf8')) as Kept<Case, Result>[];
}

/** Keeps the result of a case, in the place of an older one of the same case. */
export function keep(name: string, given: object, result: unknown): void {
  const { processor, cores, memoryBytes, node } = describeMachine();
  const kept: Kept<object, unknown> = {
    given,
    result,
    date: new Date().toISOString(),
    machine: { processor, cores, memoryBytes, node },
    source: describeSource(ROOT),
  };
  // As it will be read again: without what is undefined.
  const same = JSON.parse(JSON.stringify(given)) as object;
  const all = keptCases<object, unknown>(name);
  const at = all.findIndex((other) => isDeepStrictEqual(other.given, same));
  all.splice(at < 0 ? all.length : at, 1, kept);
  fs.mkdirSync(FOLDER, { recursive: true });
  fs.writeFileSync(fileOf(name), `${JSON.stringify(all, null, 1)}\n`);
}
