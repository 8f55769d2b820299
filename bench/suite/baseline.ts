/** Records all kept results, or those that are not there yet. */
import { Command } from 'commander';

import { measuringCommands, type Output } from './commands';
import { PLAN, resultPath, whyMeasure } from './plan';

interface BaselineOptions {
  only?: string[];
  fresh?: boolean;
  list?: boolean;
  minutes: number;
}

/** Runs one command line of the suite. */
export async function runCommand(args: readonly string[], output: Output): Promise<void> {
  const program = new Command('npm run bench --').exitOverride();
  measuringCommands(args, output).forEach((command) => program.addCommand(command));
  await program.parseAsync([...args], { from: 'user' });
}

/**
 * `baseline`: measures what the plan lists and writes it into bench/results. It goes on where it was
 * cut off: a result stands while `src` is as it was and, of times, if the machine was quiet.
 */
export function baselineCommand(output: Output): Command {
  return new Command('baseline')
    .description(
      'record the results that docs/benchmarks.md is made from; goes on where it was cut off',
    )
    .option('--only <names>', 'some of the results', (text: string) => text.split(','))
    .option('--fresh', 'also those that stand')
    .option('--list', 'only tell what would be measured')
    .option('--minutes <count>', 'begin nothing more after that long', Number, 20)
    .action(async ({ only, fresh, list, minutes }: BaselineOptions) => {
      const unknown = only?.find((name) => !PLAN.some((entry) => entry.name === name));
      if (unknown) {
        throw new Error(
          `the plan has no ${unknown}; expected ${PLAN.map(({ name }) => name).join(', ')}`,
        );
      }
      const begin = performance.now();
      const failed: string[] = [];
      for (const entry of PLAN.filter(({ name }) => only?.includes(name) ?? true)) {
        const why = fresh ? 'asked for' : whyMeasure(entry);
        const spent = (performance.now() - begin) / 60_000;
        output.progress(`${entry.name}: ${why ?? 'stands'}`);
        if (!why || list) continue;
        if (spent > minutes) {
          output.progress(`${minutes} minutes are over; run it again to go on`);
          break;
        }
        const args = entry.args.split(' ');
        try {
          await runCommand([...args, '--json', resultPath(entry.name)], output);
        } catch (error) {
          failed.push(`${entry.name} (${(error as Error).message})`);
        }
      }
      if (failed.length > 0) throw new Error(`not measured: ${failed.join(', ')}`);
    });
}
