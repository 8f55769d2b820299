/** Globs over names: `*` for any text, `?` for one character. */

/**
 * Whether the whole of `text` fits `glob`. Takes time in proportion to the length of the glob times
 * that of the text at worst, whatever the glob: of several stars only the last one is ever moved,
 * since what stands before it has been found at the earliest place there is.
 */
export function matchesGlob(text: string, glob: string): boolean {
  let [inText, inGlob] = [0, 0];
  /** Where the last star is, and the first character that is not its own. */
  let star = -1;
  let afterStar = 0;
  while (inText < text.length) {
    if (glob[inGlob] === '*') {
      star = inGlob++;
      afterStar = inText;
    } else if (glob[inGlob] === '?' || glob[inGlob] === text[inText]) {
      inGlob++;
      inText++;
    } else if (star >= 0) {
      inGlob = star + 1;
      inText = ++afterStar;
    } else {
      return false;
    }
  }
  while (glob[inGlob] === '*') inGlob++;
  return inGlob === glob.length;
}
