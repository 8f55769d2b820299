/** What the cache needs of Node's file system, and how it writes small files. */

export type FileSystem = typeof import('node:fs/promises');

export function codeOf(error: unknown): string | undefined {
  return (error as NodeJS.ErrnoException).code;
}

/** Writes a file in one step: readers see the old content or the new, and no link is followed. */
export async function replaceFile(
  fs: FileSystem,
  path: string,
  temporary: string,
  text: string,
): Promise<void> {
  try {
    await fs.writeFile(temporary, text, { flag: 'wx' });
    await fs.rename(temporary, path);
  } catch (error) {
    await fs.rm(temporary, { force: true }).catch(() => undefined);
    throw error;
  }
}
