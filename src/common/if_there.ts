/** Looking at files that need not be there. */

/** What a look at a file gives, such as `stat(path)`; undefined where it fails, most often as there is none. */
export function ifThere<T>(look: Promise<T>): Promise<T | undefined> {
  return look.catch(() => undefined);
}
