/** Text of others that is shown and does nothing. */

/**
 * Text that a terminal or a page shows and does not obey: control characters (which move the cursor, set titles,
 * fake lines) and those that turn the direction of writing become `\\u001b` and the like, which
 * is also how JSON writes them. Line ends and tabs stay.
 */
export function harmless(text: string): string {
  return Array.from(text, (character) => {
    const code = character.charCodeAt(0);
    const isControl = code < 32 ? !'\n\t'.includes(character) : code >= 0x7f && code <= 0x9f;
    const turns = (code >= 0x202a && code <= 0x202e) || (code >= 0x2066 && code <= 0x2069);
    return isControl || turns ? `\\u${code.toString(16).padStart(4, '0')}` : character;
  }).join('');
}
