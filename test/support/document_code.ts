/** The code of documents: to run it from top to bottom as one program, and to check its types. */
import * as fs from 'node:fs';
import * as path from 'node:path';
import { transformSync } from 'esbuild';

type Program = (require: NodeJS.Require) => Promise<unknown>;

const { constructor: AsyncFunction } = Object.getPrototypeOf(async () => {}) as {
  constructor: new (...source: string[]) => Program;
};

/** A block of code in a document. */
export interface DocumentBlock {
  /** As the document marks it. */
  language: 'js' | 'ts';
  code: string;
}

/**
 * All JavaScript and TypeScript of a Markdown file.
 *
 * @param file relative to the repository
 */
export function documentBlocks(file: string): DocumentBlock[] {
  const text = fs.readFileSync(path.resolve(__dirname, '../..', file), 'utf8');
  return [...text.matchAll(/^```(js|ts)\n(.*?)^```/gms)].map(([, language, code]) => ({
    language: language as DocumentBlock['language'],
    code: code as string,
  }));
}

/**
 * All that code as one function, types taken out and imports turned into `require`.
 *
 * @param file relative to the repository
 * @param names variables of the code that the result holds
 */
export function documentProgram<T>(
  file: string,
  names: readonly string[],
): (require: NodeJS.Require) => Promise<T> {
  const typed = documentBlocks(file)
    .map(({ code }) => code)
    .join('\n');
  // As TypeScript's own verbatimModuleSyntax: imports stay although nothing of them is used.
  const tsconfigRaw = { compilerOptions: { verbatimModuleSyntax: true } };
  const { code } = transformSync(typed, { loader: 'ts', target: 'es2022', tsconfigRaw });
  const body = code
    .replace(/^import \* as (\w+) from (".*?");$/gm, 'const $1 = require($2);')
    .replace(/^import (\{[^}]*\}) from (".*?");$/gm, 'const $1 = require($2);');
  const source = `'use strict';\n${body}\nreturn { ${names.join(', ')} };`;
  return new AsyncFunction('require', source) as (require: NodeJS.Require) => Promise<T>;
}
