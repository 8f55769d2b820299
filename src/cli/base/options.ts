/** Options that several commands share. */
import { type Command, InvalidArgumentError, Option } from 'commander';

import { isUrlText } from '../../common/url';
import { BACKEND_NAMES } from './backend';

/** Parser of whole numbers of at least `least`. */
export function integer(least: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (!Number.isInteger(value) || value < least) {
      throw new InvalidArgumentError(`expected a whole number of at least ${least}.`);
    }
    return value;
  };
}

/** Parses a share of a whole. */
export function share(text: string): number {
  const value = text.trim() === '' ? NaN : Number(text);
  if (value >= 0 && value <= 1) return value;
  throw new InvalidArgumentError('expected a number from 0 to 1.');
}

/** Parser of folders. */
function folder(text: string): string {
  if (text !== '' && !isUrlText(text)) return text;
  throw new InvalidArgumentError('expected a folder of this machine.');
}

export function addDownloadOptions(command: Command): Command {
  return command
    .option('--cache-dir <folder>', 'where downloads are kept; default: $TFJS_REVCOL_CACHE', folder)
    .option('--base-url <url>', 'mirror that has the published files under their own names');
}

/** What chooses among several sets of weights in one file. */
export function addPartOptions(command: Command): Command {
  return command
    .option('-k, --key <key>', 'part of the file to take, e.g. state_dict_ema or teacher')
    .option('-p, --prefix <prefix>', 'only tensors with such names, e.g. teacher.');
}

/** The first of some options that was given, as it was written; undefined where none was. */
export function givenOf(command: Command, names: readonly string[]): string | undefined {
  const option = command.options.find(
    (one) =>
      names.includes(one.attributeName()) &&
      command.getOptionValueSource(one.attributeName()) === 'cli',
  );
  return option?.long;
}

export function backendOption(): Option {
  return new Option('-b, --backend <name>', 'tfjs backend; default: the fastest installed').choices(
    BACKEND_NAMES,
  );
}

export function inputSizeOption(): Option {
  return new Option(
    '--input-size <pixels>',
    "side of the square input; default: that of the published weights, the size's own, else 224",
  ).argParser(integer(1));
}
