/**
 * A parallel corpus that every checkout has: the diagnostic messages of TypeScript, in English and
 * in the 13 languages that its package carries.
 */
import { createHash } from 'node:crypto';
import * as fs from 'node:fs';
import { createRequire } from 'node:module';
import * as path from 'node:path';

const require = createRequire(import.meta.url);

/** Languages of the messages beside English, as TypeScript names them. */
export const LANGUAGES = [
  'cs',
  'de',
  'es',
  'fr',
  'it',
  'ja',
  'ko',
  'pl',
  'pt-br',
  'ru',
  'tr',
  'zh-cn',
  'zh-tw',
] as const;

export type Language = 'en' | (typeof LANGUAGES)[number];

/** One message in all languages; `key` identifies it. */
export type Diagnostic = { key: string } & Record<Language, string>;

/** Three parts with no message, and no near copy of one, in two of them. */
export interface Split {
  train: Diagnostic[];
  validation: Diagnostic[];
  test: Diagnostic[];
}

/** Words shared over words in all, of two messages, from which they count as near copies. */
const NEAR = 0.6;

/** Shares of the test and of the validation part. */
const [TEST_SHARE, VALIDATION_SHARE] = [0.1, 0.1];

/** The messages that TypeScript has in every language, sorted by key. */
export function loadDiagnostics(): Diagnostic[] {
  const { Diagnostics } = require('typescript') as {
    Diagnostics: Record<string, { key: string; message: string }>;
  };
  const lib = path.dirname(require.resolve('typescript'));
  const translations = LANGUAGES.map(
    (language) =>
      JSON.parse(
        fs.readFileSync(path.join(lib, language, 'diagnosticMessages.generated.json'), 'utf8'),
      ) as Record<string, string>,
  );
  return Object.values(Diagnostics)
    .filter(({ key }) => translations.every((messages) => key in messages))
    .map(({ key, message }) => {
      const others = LANGUAGES.map((language, i) => [language, translations[i]?.[key] as string]);
      return { key, en: message, ...Object.fromEntries(others) } as Diagnostic;
    })
    .sort((a, b) => (a.key < b.key ? -1 : 1));
}

/**
 * Splits messages into about 80 % to train on, 10 % to validate with and 10 % to test with. Messages
 * whose English texts are nearly the same stay together; a hash of a group's first key places it, so
 * the split is the same everywhere.
 */
export function splitDiagnostics(diagnostics: readonly Diagnostic[]): Split {
  const split: Split = { train: [], validation: [], test: [] };
  for (const group of nearCopies(diagnostics)) {
    const at = hashFraction((group[0] as Diagnostic).key);
    const part =
      at < TEST_SHARE ? 'test' : at < TEST_SHARE + VALIDATION_SHARE ? 'validation' : 'train';
    split[part].push(...group);
  }
  return split;
}

/** Words of a message without case, placeholders' numbers and punctuation. */
function wordsOf(message: string): Set<string> {
  return new Set(
    message
      .toLowerCase()
      .replace(/\{\d+\}/g, '')
      .match(/[a-z0-9]+/g) ?? [],
  );
}

/** Words that both have over words that either has. */
export function similarity(a: string, b: string): number {
  return overlap(wordsOf(a), wordsOf(b));
}

function overlap(a: ReadonlySet<string>, b: ReadonlySet<string>): number {
  let shared = 0;
  for (const word of a) if (b.has(word)) shared++;
  const all = a.size + b.size - shared;
  return all === 0 ? 1 : shared / all;
}

/** Groups of messages connected by near copies, in the order of their first members. */
function nearCopies(diagnostics: readonly Diagnostic[]): Diagnostic[][] {
  const words = diagnostics.map(({ en }) => wordsOf(en));
  const leader = diagnostics.map((_, i) => i);
  const find = (i: number): number => (leader[i] === i ? i : find(leader[i] as number));
  words.forEach((a, i) => {
    for (let j = 0; j < i; j++) {
      const b = words[j] as Set<string>;
      const bound = Math.min(a.size, b.size) >= NEAR * Math.max(a.size, b.size);
      if (bound && overlap(a, b) >= NEAR) leader[find(i)] = find(j);
    }
  });
  const groups = new Map<number, Diagnostic[]>();
  diagnostics.forEach((diagnostic, i) => {
    const root = find(i);
    groups.set(root, [...(groups.get(root) ?? []), diagnostic]);
  });
  return [...groups.values()];
}

/** A number in [0, 1) that depends on the text only. */
function hashFraction(text: string): number {
  return createHash('sha256').update(text).digest().readUInt32BE(0) / 2 ** 32;
}
