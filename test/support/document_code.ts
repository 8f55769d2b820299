/** Runs the code of a document, from top to bottom, as one program. */
import * as fs from 'node:fs';
import * as path from 'node:path';

type Program = (require: NodeJS.Require) => Promise<unknown>;

const { constructor: AsyncFunction } = Object.getPrototypeOf(async () => {}) as {
  constructor: new (...source: string[]) => Program;
};

/**
 * All JavaScript of a Markdown file as one function, imports turned into `require`.
 *
 * @param file relative to the repository
 * @param names variables of the code that the result holds
 */
export function documentProgram<T>(
  file: string,
  names: readonly string[],
): (require: NodeJS.Require) => Promise<T> {
  const text = fs.readFileSync(path.resolve(__dirname, '../..', file), 'utf8');
  const snippets = [...text.matchAll(/^```js\n(.*?)^```/gms)].map((match) => match[1]);
  const body = snippets
    .join('\n')
    .replace(/^import \* as (\w+) from ('.*?');$/gm, 'const $1 = require($2);')
    .replace(/^import (\{.*?\}) from ('.*?');$/gm, 'const $1 = require($2);');
  const source = `'use strict';\n${body}\nreturn { ${names.join(', ')} };`;
  return new AsyncFunction('require', source) as (require: NodeJS.Require) => Promise<T>;
}
