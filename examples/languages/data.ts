/** Sentences in 32 languages, to train on and to be judged by, out of unpacked packages. */
import { createHash } from 'node:crypto';
import * as path from 'node:path';

import { catalogues, declaration, helpPages, type Piece } from './sources';

/** Where a language is found: folders of the two packages to train on, files of the one to be judged by. */
interface Places {
  help: readonly string[];
  games: readonly string[];
  declarations: readonly string[];
}

const places = (declarations: string, help: string, games: string = help): Places => ({
  declarations: declarations.split(' '),
  help: help === '' ? [] : help.split(' '),
  games: games === '' ? [] : games.split(' '),
});

/** The languages by their codes (ISO 639-1), in the order of the network's classes. */
export const LANGUAGES = {
  ar: places('arb', '', 'ar'),
  bg: places('bul', '', 'bg'),
  ca: places('cat', 'ca'),
  cs: places('ces', 'cs'),
  da: places('dan', 'da'),
  de: places('deu_1996', 'de'),
  el: places('ell_monotonic', 'el'),
  en: places('eng', 'C', ''),
  es: places('spa', 'es'),
  et: places('est', '', 'et'),
  fa: places('pes_1', 'fa', ''),
  fi: places('fin', 'fi'),
  fr: places('fra', 'fr'),
  he: places('heb', 'he'),
  hr: places('hrv', 'hr'),
  hu: places('hun', 'hu'),
  id: places('ind', 'id'),
  it: places('ita', 'it'),
  ja: places('jpn', 'ja'),
  ko: places('kor', 'ko'),
  lt: places('lit', 'lt'),
  lv: places('lav', 'lv'),
  nl: places('nld', 'nl'),
  pl: places('pol', 'pl'),
  pt: places('por_BR por_PT', 'pt pt_BR'),
  ru: places('rus', 'ru'),
  sk: places('slk', '', 'sk'),
  sv: places('swe', 'sv'),
  tr: places('tur', 'tr'),
  uk: places('ukr', 'uk'),
  vi: places('vie', 'vi'),
  zh: places('cmn_hans cmn_hant', 'zh_CN', 'zh_CN zh_TW'),
} as const satisfies Record<string, Places>;

export type Language = keyof typeof LANGUAGES;
export const CODES = Object.keys(LANGUAGES) as Language[];

/** Sentences of a language, by where they are from. */
export type Corpus = Record<Language, string[][]>;

const ENGLISH = CODES.indexOf('en');

const HELP = 'usr/share/help';
const GAMES = 'usr/share/games/wesnoth/1.16/locale';
const DECLARATIONS = 'package/declaration';

/** One of so many documents and messages is held out, with all its translations. */
const HELD_OUT = 20;

/** A sentence has at least so many letters. */
const LEAST_LETTERS = 6;

/** Signs of what is no prose: markup of the game, variables, addresses, commands. */
const NO_PROSE = /[=$|{}<>\\[\]_@]|:\/\/|--/;

/** Sentences of a text that are prose. */
function sentencesOf(text: string): string[] {
  return text
    .split(/(?<=[.!?…]['"”»)]?)\s+|(?<=[。！？])/u)
    .map((sentence) => sentence.trim())
    .filter((sentence) => !NO_PROSE.test(sentence))
    .filter((sentence) => (sentence.match(/\p{L}/gu) ?? []).length >= LEAST_LETTERS);
}

/** A hash of a document's name tells whether it is held out, so that it is in every language. */
function isHeldOut(document: string): boolean {
  return createHash('sha256').update(document).digest().readUInt32BE(0) % HELD_OUT === 0;
}

/** Pieces of a language's help pages and of its translations of the game. */
function piecesOf(folder: string, { help, games }: Places): Piece[][] {
  const pages = help.flatMap((name) => helpPages(path.join(folder, HELP, name, 'gnome-help')));
  const messages = games.flatMap((name) =>
    catalogues(path.join(folder, GAMES, name, 'LC_MESSAGES')).map(({ original, translation }) => ({
      text: translation,
      document: original,
    })),
  );
  return [pages, messages];
}

/** Originals of the game's messages: English. */
function originals(folder: string): Piece[] {
  return catalogues(path.join(folder, GAMES, 'de', 'LC_MESSAGES')).map(({ original }) => ({
    text: original,
    document: original,
  }));
}

/**
 * Sentences to train on and held-out ones, of GNOME's help and of translations of Battle for Wesnoth. What
 * occurs in several languages (names) is left out, and what nobody has translated counts as English.
 */
export function loadTraining(folder: string): { train: Corpus; heldOut: Corpus } {
  const all = CODES.map((code) => {
    const [pages = [], messages = []] = piecesOf(folder, LANGUAGES[code]);
    const own = code === 'en' ? [pages, originals(folder)] : [pages, messages];
    return own.map((pieces) =>
      pieces.flatMap(({ text, document }) =>
        sentencesOf(text).map((sentence) => ({ sentence, isHeld: isHeldOut(document) })),
      ),
    );
  });
  const owners = new Map<string, number>();
  all.forEach((sources, label) => {
    for (const { sentence } of sources.flat()) {
      const owner = owners.get(sentence);
      // The originals are English, whoever has left them as they are.
      const isOwn = owner === undefined || owner === label || label === ENGLISH;
      if (owner !== ENGLISH) owners.set(sentence, isOwn ? label : -1);
    }
  });
  const corpusOf = (isHeld: boolean) =>
    Object.fromEntries(
      CODES.map((code, label) => [
        code,
        (all[label] ?? [])
          .map((source) => [
            ...new Set(
              source
                .filter((found) => found.isHeld === isHeld && owners.get(found.sentence) === label)
                .map(({ sentence }) => sentence),
            ),
          ])
          .filter((source) => source.length > 0),
      ]),
    ) as Corpus;
  const [train, heldOut] = [corpusOf(false), corpusOf(true)];
  for (const code of CODES) {
    if (train[code].length === 0) {
      throw new Error(`${folder} has no sentences of ${code}; unpack the packages into it`);
    }
  }
  return { train, heldOut };
}

/** Sentences of the Universal Declaration of Human Rights: to be judged by, never to choose. */
export function loadTest(folder: string): Corpus {
  return Object.fromEntries(
    CODES.map((code) => {
      const files = LANGUAGES[code].declarations.map((name) =>
        path.join(folder, DECLARATIONS, `${name}.html`),
      );
      const texts = files.flatMap((file) => declaration(file)).map(({ text }) => text);
      return [code, [[...new Set(texts.flatMap(sentencesOf))]]];
    }),
  ) as Corpus;
}
