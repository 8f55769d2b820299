/** Text of others that is shown and does nothing. */

/**
 * Control characters (which move the cursor, set titles, fake lines), those that end lines and paragraphs, and those
 * that turn the direction of writing.
 */
const OBEYED = /[\p{Cc}\p{Zl}\p{Zp}\p{Bidi_Control}]/gu;

const SHORT: Readonly<Record<string, string>> = { '\n': '\\n', '\r': '\\r', '\t': '\\t' };

/** As JSON writes it. */
const escaped = (character: string): string =>
  SHORT[character] ?? `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;

/**
 * Text that a terminal or a page shows and does not obey: control characters and their like become `\\u001b`, which is
 * also how JSON writes them. Line ends and tabs stay, so this is for text that has lines of its own: what others called
 * something goes through `oneLine` before it is part of any.
 */
export function harmless(text: string): string {
  return text.replace(OBEYED, (character) =>
    '\n\t'.includes(character) ? character : escaped(character),
  );
}

/** As `harmless`, of what is to stay in its line: a name, a path, a message. Line ends and tabs become `\\n` and `\\t`. */
export function oneLine(text: string): string {
  return text.replace(OBEYED, escaped);
}

/** Shows a warning on the console, where names that it has from files do nothing. */
export function warn(message: string): void {
  console.warn(oneLine(message));
}

/** Of errors whose messages have lines of their own, in which names are harmless already. */
const OF_LINES = 'revcolLines';

/** An error whose message is to be shown with its line ends. */
export function ofLines<Thrown extends Error>(error: Thrown): Thrown {
  return Object.defineProperty(error, OF_LINES, { value: true });
}

/** The lines of a message of what was thrown: one, where it has none of its own. */
export function inLines(error: unknown, message: string): string {
  const isOfLines = ((error ?? {}) as Readonly<Record<string, unknown>>)[OF_LINES] === true;
  return isOfLines ? harmless(message) : oneLine(message);
}
