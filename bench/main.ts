/**
 * The benchmarks.
 *
 *   npm run bench -- --help
 *   npm run bench -- train --batch 2,8 --backend tensorflow
 */
import { Command } from 'commander';

import { documentCommand } from './document/command';
import { baselineCommand } from './suite/baseline';
import { measuringCommands } from './suite/commands';

const args = process.argv.slice(2);
const output = {
  out: (text: string) => void process.stdout.write(text),
  progress: (line: string) => void process.stderr.write(`${line}\n`),
};
const program = new Command('npm run bench --')
  .description('time and memory of this package, of stock tfjs and of peers, in one run')
  .showHelpAfterError('(--help tells the options)');
measuringCommands(args, output).forEach((command) => program.addCommand(command));
program.addCommand(baselineCommand(output));
program.addCommand(documentCommand(output));
try {
  await program.parseAsync(args, { from: 'user' });
} catch (error) {
  process.stderr.write(`${(error as Error).message}\n`);
  process.exitCode = 1;
}
