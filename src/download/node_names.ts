/** Names in the cache folder: whole files, and what stands beside them. */

/** What a holder's token looks like: a UUID. */
const TOKEN = '[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}';
/** Endings that files beside a whole one have. */
const BESIDE = new RegExp(`\\.(?:lock|note|part)(?:\\.${TOKEN})?(?:\\.(?:json|new|stale))*$`, 'i');
/** File systems take names of 255 bytes; the longest ending needs 55. */
const LONGEST = 200;

/**
 * Asserts that a name is one of a file in the cache folder itself, and none of a file that stands
 * beside another one there.
 *
 * @throws {Error} when it is a path, no name, too long, or ends like a lock, a note or a part
 */
export function requireFileName(fileName: string): void {
  const why = whyNoFileName(fileName);
  if (why === undefined) return;
  throw new Error(
    `fileName is ${JSON.stringify(fileName)}, ${why}; expected the plain name of a file in the ` +
      "cache folder, such as 'weights.pth' (cacheDir chooses the folder)",
  );
}

function whyNoFileName(fileName: unknown): string | undefined {
  if (typeof fileName !== 'string' || /^\.{0,2}$/.test(fileName)) return 'which names no file';
  if (/[/\\]/.test(fileName)) return 'which is a path';
  // Windows also takes "C:x" for a path, and "x:y" for a hidden part of x.
  if (process.platform === 'win32' && /[<>:"|?*]|[. ]$/.test(fileName)) return 'no name on Windows';
  if (Array.from(fileName).some((character) => character < ' ')) return 'with control characters';
  if (new TextEncoder().encode(fileName).length > LONGEST) return `of more than ${LONGEST} bytes`;
  return BESIDE.test(fileName) ? 'with the ending of a lock, a note or a part' : undefined;
}

/** What an entry of the folder is to the file `fileName`. */
export type Entry =
  /** Bytes of an unfinished download; without a token those of 0.1.0. */
  | { kind: 'part'; token?: string }
  /** What is known of those bytes, or a note of the whole file that was not finished. */
  | { kind: 'record'; token?: string }
  /** A lock that its writer has not given its name yet, or that was put aside. */
  | { kind: 'temporary' };

/** Tells what an entry of the folder is to a file; undefined for anything else. */
export function entryOf(fileName: string, entry: string): Entry | undefined {
  if (!entry.startsWith(`${fileName}.`)) return undefined;
  const rest = entry.slice(fileName.length);
  const part = new RegExp(`^\\.part(?:\\.(${TOKEN}))?(\\.json(?:\\.new)?)?$`).exec(rest);
  if (part) return { kind: part[2] === undefined ? 'part' : 'record', token: part[1] };
  if (new RegExp(`^\\.note\\.${TOKEN}\\.new$`).test(rest)) return { kind: 'record' };
  const isTemporary = new RegExp(`^\\.lock\\.${TOKEN}(?:\\.stale)?$`).test(rest);
  return isTemporary ? { kind: 'temporary' } : undefined;
}
