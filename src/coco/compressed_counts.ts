/** Lengths of runs as text, as COCO's JSON has them: six bits in each character. */

/** Most groups of five bits that a difference of two lengths takes. */
const MOST_GROUPS = 7;

/**
 * Writes lengths of runs. From the fourth on they are differences to the one before the last: neighbouring
 * columns are alike.
 */
export function packCounts(counts: ArrayLike<number>): string {
  const codes: number[] = [];
  for (let i = 0; i < counts.length; i++) {
    let value = (counts[i] as number) - (i > 2 ? (counts[i - 2] as number) : 0);
    for (let more = true; more;) {
      // The lowest five bits, of two's complement: they may be more than 32, so there are no operators.
      const rest = Math.floor(value / 32);
      const group = value - 32 * rest;
      value = rest;
      // Bit 16 of the last group is the sign.
      more = value !== (group >= 16 ? -1 : 0);
      codes.push(48 + group + (more ? 32 : 0));
    }
  }
  // In pieces: a call takes only so many arguments.
  let text = '';
  for (let i = 0; i < codes.length; i += 4096) {
    text += String.fromCharCode(...codes.slice(i, i + 4096));
  }
  return text;
}

/**
 * Reads what `packCounts` wrote.
 *
 * @throws {Error} that says what is wrong with the text; lengths may be negative or too many
 */
export function unpackCounts(text: string): number[] {
  const counts: number[] = [];
  for (let at = 0; at < text.length;) {
    let value = 0;
    let scale = 1;
    for (let more = true; more; at++) {
      const group = text.charCodeAt(at) - 48;
      if (!(group >= 0 && group < 64)) {
        throw new Error(
          at < text.length
            ? `the character ${JSON.stringify(text[at])} at ${at} is none of the 64 from "0" to "o"`
            : 'the text is cut short',
        );
      }
      if (scale >= 32 ** MOST_GROUPS) throw new Error(`a length that ends at ${at} is too large`);
      value += (group % 32) * scale;
      scale *= 32;
      more = group >= 32;
      if (!more && group >= 16) value -= scale;
    }
    counts.push(value + (counts.length > 2 ? (counts[counts.length - 2] as number) : 0));
  }
  return counts;
}
