/** `document`: writes docs/benchmarks.md, or tells that it is out of date. */
import { Command } from 'commander';

import type { Output } from '../suite/commands';
import { generate, outdated, writeAll } from './benchmarks';

export function documentCommand({ progress }: Output): Command {
  return new Command('document')
    .description('write docs/benchmarks.md from the results that are kept')
    .option('--check', 'only tell whether it is what they say')
    .action(({ check }: { check?: boolean }) => {
      const files = generate();
      if (!check) {
        writeAll(files);
        files.forEach(({ path }) => progress(`wrote ${path}`));
        return;
      }
      const old = outdated(files);
      if (old.length > 0) {
        throw new Error(
          `${old.join(', ')}: not what bench/results says; npm run bench -- document`,
        );
      }
    });
}
