/** How an example is started: what it is told, `--help`, and what is wrong in a line. */
import * as fs from 'node:fs';
import { fileURLToPath } from 'node:url';
import { parseArgs, type ParseArgsConfig } from 'node:util';

/** Nobody needs the stack of what they have given wrongly; of a fault in the program it is what tells most. */
export function told(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const isMistake = error.constructor === Error || 'code' in error;
  return isMistake ? error.message : (error.stack ?? error.message);
}

/**
 * What an example is and takes, as its own file says: the comment at its head, and its options with the comments on
 * them.
 *
 * @param source the text of the file
 */
export function helpOf(source: string, { options = {} }: ParseArgsConfig): string {
  const [, head = ''] = /^\/\*\*\n(.*?)\n? \*\//s.exec(source) ?? [];
  const about = head.replace(/^ \* ?/gm, '');
  const rows = Object.entries(options).map(([name, option]) => {
    const value = option.type === 'string' ? ' VALUE' : '';
    const comment = new RegExp(`/\\*\\* ([^*]*) \\*/\\s*'?${name}'?: \\{`).exec(source)?.[1] ?? '';
    const usual = typeof option.default === 'string' ? `default: ${option.default}` : '';
    const said = [comment, usual].filter((text) => text !== '').join(' ');
    return [`  --${name}${value}`, said] as const;
  });
  const width = Math.max(0, ...rows.map(([name]) => name.length)) + 2;
  const lines = rows.map(([name, said]) => `${name.padEnd(width)}${said}`.trimEnd());
  return [about, '', 'Options:', ...lines, ''].join('\n');
}

/**
 * Reads what an example is told. From here on failures are told, those of `--data` as those of an option; with
 * `--help` it ends.
 *
 * @param url of the example: `import.meta.url`
 */
export function readArguments<Config extends ParseArgsConfig>(
  url: string,
  config: Config,
): ReturnType<typeof parseArgs<Config>> {
  // The wasm backend answers an uncaught error by printing its own source.
  process.on('uncaughtException', (error) => {
    console.error(told(error));
    process.exit(1);
  });
  if (process.argv.slice(2).some((word) => word === '--help' || word === '-h')) {
    console.log(helpOf(fs.readFileSync(fileURLToPath(url), 'utf8'), config));
    process.exit();
  }
  return parseArgs(config);
}
