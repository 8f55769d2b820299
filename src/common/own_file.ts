/** Where a module of this package lies, by what its builds and bundlers leave of `import.meta.url`. */

/**
 * The path of the file that a module has come from.
 *
 * @param here its `import.meta.url`: a file's URL; in this package's CommonJS build a path; in what bundlers make of
 *   the other build for CommonJS nothing at all, whatever its type says
 * @param fileURLToPath Node's, which pages have not
 * @returns undefined where that is not known, or it has not come from a file
 */
export function ownFile(here: unknown, fileURLToPath: (url: string) => string): string | undefined {
  if (typeof here !== 'string' || here === '') return undefined;
  if (here.startsWith('file:')) return fileURLToPath(here);
  // One letter is a drive of Windows.
  return /^[a-z][a-z\d+.-]+:/i.test(here) ? undefined : here;
}
