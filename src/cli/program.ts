/** The command line: its commands, and how failures are told. */
import { Command, CommanderError } from 'commander';

import { version } from '../../package.json';
import { harmless, inLines } from '../common/harmless';
import { withoutSecrets } from '../common/url';
import { registerLayers } from '../registry/register_layers';
import { inCommandWords } from './base/command_words';
import { PROCESS_TERMINAL, type Terminal } from './base/terminal';
import { addBenchCommand } from './bench_command';
import { addConvertCommand } from './convert_command';
import { addDoctorCommand } from './doctor/command';
import { addEvaluateCommand } from './evaluate/command';
import { addInspectCommand } from './inspect_command';
import { addModelsCommand } from './models_command';
import { addNativeCommand } from './native_command';
import { addPlanCommand } from './plan_command';
import { addClassifyCommand } from './predict/classify_command';
import { addDetectCommand } from './predict/detect_command';
import { addSegmentCommand } from './predict/segment_command';
import { addTrainCommand } from './train/command';

/**
 * A command that tells of an option that there is not before it asks for one that is missing: whoever mistypes an option
 * has left it out, too.
 */
class CommandOfOptions extends Command {
  override createCommand(name?: string): Command {
    return new CommandOfOptions(name);
  }

  override parseOptions(args: string[]): ReturnType<Command['parseOptions']> {
    const parsed = super.parseOptions(args);
    // commander looks for those that are missing first.
    if (parsed.unknown.length > 0) this.options.forEach((option) => (option.mandatory = false));
    return parsed;
  }
}

/** Builds the program; `run` is how to use it. */
export function createProgram(terminal: Terminal): Command {
  registerLayers();
  const program = new CommandOfOptions('tfjs-revcol')
    .description('Reversible Column Networks for TensorFlow.js: models, weights, conversion')
    .version(version)
    .showHelpAfterError('(add --help for the options)')
    .configureOutput({ writeOut: terminal.out, writeErr: terminal.error })
    .exitOverride()
    .addHelpText(
      'after',
      `
Examples:
  $ tfjs-revcol models --pretrained
  $ tfjs-revcol inspect revcol_tiny_1k.pth
  $ tfjs-revcol convert revcol_tiny.in1k web/revcol_tiny --dtype float16
  $ tfjs-revcol classify cat.jpg --weights revcol_tiny.in1k
  $ tfjs-revcol train pets --model revcol_tiny.in1k --out out/pets
  $ tfjs-revcol doctor`,
    );
  for (const add of [
    addModelsCommand,
    addInspectCommand,
    addConvertCommand,
    addClassifyCommand,
    addEvaluateCommand,
    addSegmentCommand,
    addDetectCommand,
    addBenchCommand,
    addPlanCommand,
    addTrainCommand,
    addDoctorCommand,
    addNativeCommand,
  ]) {
    add(program, terminal);
  }
  return program;
}

/**
 * Runs the command line.
 *
 * @param args the arguments after the program's name
 * @returns the exit status: 0, or 1 after a failure, which was told on `terminal.error`; `doctor` has others
 */
export async function run(
  args: readonly string[],
  terminal: Terminal = PROCESS_TERMINAL,
): Promise<number> {
  // Names come from files that others made; addresses with secrets are echoed where an option is wrong.
  const safe: Terminal = {
    ...terminal,
    out: (text) => terminal.out(harmless(text)),
    error: (text) => terminal.error(harmless(withoutSecrets(text))),
  };
  try {
    await createProgram(safe).parseAsync([...args], { from: 'user' });
    return 0;
  } catch (error) {
    // commander has said what was wrong, or printed the help or version that was asked for.
    if (error instanceof CommanderError) return error.exitCode;
    safe.error(`tfjs-revcol: ${inLines(error, inCommandWords(error, args))}\n`);
    return 1;
  }
}
