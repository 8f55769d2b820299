/** Texts as ids of their characters, each with its two neighbours: what a small network can tell languages by. */
import { requireArgument, requireInteger, shown } from '../common/arguments';
import { type OptionNames, requireOptions } from '../common/options';

/** Options of `trigramIds`; a record of `textWeights` will do as well. */
export interface TrigramOptions {
  /** Number of ids, padding (id 0) included, which `trigramIds` never gives; at most 2^31. */
  vocabularySize: number;
  /** Characters that are read, from the start of the text. */
  maxLength: number;
}

const OPTIONS: OptionNames<TrigramOptions> = { vocabularySize: true, maxLength: true };

/** What stands at both ends, and for all that is no letter. */
const SPACE = 0x20;

/** The first character of the scripts that have thousands: of these, 256 neighbours in Unicode count as one. */
const FIRST_LARGE = 0x2e80;

/**
 * Ids of a text: one for each of its first `maxLength` characters, made of that character and its two neighbours by
 * a hash (FNV-1a). Case does not count, and a run of anything but letters is one space. Characters of scripts
 * that have thousands (Han, Hangul, kana) count by their page of 256, so that rare ones are known, too.
 *
 * @returns integers from 1 to `vocabularySize - 1`; one for a text without letters
 * @throws {Error} when `text` is no string, or an option is out of range
 */
export function trigramIds(text: string, options: TrigramOptions): number[] {
  const owner = 'trigramIds';
  requireArgument(owner, 'text', text, typeof text === 'string', 'a string');
  const { vocabularySize, maxLength } = requireTrigramOptions(owner, options);
  const symbols = symbolsOf(text, maxLength);
  return symbols.slice(1, -1).map((symbol, i) => {
    const hash = hashOf([symbols[i] as number, symbol, symbols[i + 2] as number]);
    return 1 + (hash % (vocabularySize - 1));
  });
}

/** Asserts the options, or takes them from a record of `textWeights`. */
export function requireTrigramOptions(owner: string, given: TrigramOptions): TrigramOptions {
  const isRecord = typeof given === 'object' && given !== null && 'classNames' in given;
  const { vocabularySize, maxLength } = given ?? {};
  const options = isRecord ? { vocabularySize, maxLength } : given;
  requireOptions(owner, options, OPTIONS);
  requireInteger(owner, 'vocabularySize', vocabularySize, 2);
  if (vocabularySize > 2 ** 31) {
    throw new Error(
      `${owner}: vocabularySize is ${shown(vocabularySize)}; expected at most ${2 ** 31}, as ids are int32`,
    );
  }
  requireInteger(owner, 'maxLength', maxLength, 1);
  return { vocabularySize, maxLength };
}

/** What more than the characters wanted may change them, by Unicode's composition and rules of case. */
const BEYOND = 64;

/** Numbers of up to `most` characters, between those of the two ends. Of a long text only the beginning is looked at. */
function symbolsOf(text: string, most: number): number[] {
  let symbols: number[];
  for (let size = 4 * (most + BEYOND); ; size *= 4) {
    symbols = lettersOf(text.slice(0, size));
    if (size >= text.length || symbols.length > most + BEYOND) break;
  }
  const next = symbols[most] ?? SPACE;
  const read = symbols.length === 0 ? [SPACE] : symbols.slice(0, most);
  return [SPACE, ...read, next];
}

/** Numbers of all characters. */
function lettersOf(text: string): number[] {
  const letters = text
    .normalize('NFC')
    .toLowerCase()
    .replace(/[^\p{L}\p{M}]+/gu, ' ')
    .trim();
  return Array.from(letters, (character) => {
    const code = character.codePointAt(0) as number;
    return code < FIRST_LARGE ? code : -(code >> 8);
  });
}

/** FNV-1a of some integers, 32 bits, with its high bits mixed into the low ones. */
function hashOf(numbers: readonly number[]): number {
  let hash = 0x811c9dc5;
  for (const number of numbers) {
    for (let shift = 0; shift < 32; shift += 8) {
      hash = Math.imul(hash ^ ((number >> shift) & 0xff), 0x01000193);
    }
  }
  return (hash ^ (hash >>> 15)) >>> 0;
}
