/** Texts as ids of their characters, each with its two neighbours: what a small network can tell languages by. */
import { requireArgument, requireInteger } from '../common/arguments';
import { type OptionNames, requireOptions } from '../common/options';

/** Options of `trigramIds`. A record of `textWeights` has them. */
export interface TrigramOptions {
  /** Number of ids, padding (id 0) included, which `trigramIds` never gives. */
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
  requireOptions(owner, options, OPTIONS);
  const { vocabularySize, maxLength } = options;
  requireInteger(owner, 'vocabularySize', vocabularySize, 2);
  requireInteger(owner, 'maxLength', maxLength, 1);
  const symbols = symbolsOf(text, maxLength);
  return symbols.slice(1, -1).map((symbol, i) => {
    const hash = hashOf([symbols[i] as number, symbol, symbols[i + 2] as number]);
    return 1 + (hash % (vocabularySize - 1));
  });
}

/** Numbers of up to `most` characters, between those of the two ends. */
function symbolsOf(text: string, most: number): number[] {
  const letters = text
    .normalize('NFC')
    .toLowerCase()
    .replace(/[^\p{L}\p{M}]+/gu, ' ')
    .trim();
  const symbols = Array.from(letters, (character) => {
    const code = character.codePointAt(0) as number;
    return code < FIRST_LARGE ? code : -(code >> 8);
  });
  const next = symbols[most] ?? SPACE;
  const read = symbols.length === 0 ? [SPACE] : symbols.slice(0, most);
  return [SPACE, ...read, next];
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
