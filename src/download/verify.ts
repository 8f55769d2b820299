/** Whether bytes are those that were wanted: of the cache, and of a download. */
import { messageOf } from '../common/messages';
import { shownUrl } from '../common/url';
import { DownloadError } from './errors';
import type { Wanted } from './facts';
import type { FileNote, PartFile, StoredFile, WeightStore } from './store';

/** Asks a server for the length of its file; undefined where it does not say. */
export type AskLength = (url: string) => Promise<number | undefined>;

/** SHA-256 of a file or part, in lower-case hex. */
export async function digestOf(
  store: WeightStore<unknown>,
  file: Pick<PartFile, 'read'>,
  what: string,
  signal: AbortSignal,
): Promise<string> {
  const hash = await store.createSha256();
  try {
    for await (const chunk of file.read()) {
      hash.update(chunk);
      signal.throwIfAborted();
    }
  } catch (error) {
    signal.throwIfAborted();
    if (error instanceof DownloadError) throw error;
    throw new DownloadError('storage', `cannot read back ${what}: ${messageOf(error)}`, {
      cause: error,
    });
  }
  return hash.digest();
}

/** What a note keeps of an address: enough to know it again, none of its secrets. */
export async function sourceId(store: WeightStore<unknown>, url: string): Promise<string> {
  const hash = await store.createSha256();
  hash.update(new TextEncoder().encode(url));
  return `${shownUrl(url)} ${hash.digest().slice(0, 16)}`;
}

/**
 * Why the file in the store is not the one that is wanted; undefined when it is. A published
 * checksum decides, else what was noted when the file came; files of 0.1.0, of which nothing was
 * noted, by their length, as published or as the server gives it now.
 */
export async function whyNotWanted(
  store: WeightStore<unknown>,
  file: StoredFile<unknown>,
  wanted: Wanted,
  ask: AskLength,
  signal: AbortSignal,
): Promise<string | undefined> {
  const { note, untouched } = file;
  if (wanted.bytes !== undefined && file.bytes !== wanted.bytes) {
    return `it has ${file.bytes} bytes, the published file ${wanted.bytes}`;
  }
  const remember = (facts: Partial<FileNote>) => rememberFile(store, file, wanted, facts);
  if (wanted.sha256 !== undefined) {
    const noted = untouched ? note?.sha256 : undefined;
    const sha256 = noted ?? (await digestOf(store, file, wanted.fileName, signal));
    if (sha256 !== wanted.sha256) return `its SHA-256 is ${sha256}, published is ${wanted.sha256}`;
    if (noted === undefined) await remember({ source: note?.source, sha256 });
    return undefined;
  }
  if (!note) return whyNotTrusted(file, wanted, ask, remember);
  const sources = await Promise.all(wanted.sameFile.map((url) => sourceId(store, url)));
  if (!sources.includes(note.source)) return `it came from ${note.source.split(' ')[0]}`;
  if (untouched) return undefined;
  const isSame =
    note.bytes === file.bytes &&
    note.sha256 !== undefined &&
    note.sha256 === (await digestOf(store, file, wanted.fileName, signal));
  if (!isSame) return 'it was changed since it was downloaded';
  await remember(note);
  return undefined;
}

async function rememberFile(
  store: WeightStore<unknown>,
  file: StoredFile<unknown>,
  wanted: Wanted,
  { source, sha256 }: Partial<FileNote>,
): Promise<void> {
  await file.remember({
    source: source ?? (await sourceId(store, wanted.sameFile[0] ?? '')),
    bytes: file.bytes,
    sha256,
  });
}

/** For files without a note or checksum. */
async function whyNotTrusted(
  file: StoredFile<unknown>,
  wanted: Wanted,
  ask: AskLength,
  remember: (facts: Partial<FileNote>) => Promise<void>,
): Promise<string | undefined> {
  if (!isPageName(wanted.fileName) && (await beginsAsPage(file))) return 'it is a web page';
  const { approximateBytes, bytes } = wanted;
  const isClose =
    approximateBytes !== undefined && Math.abs(file.bytes / approximateBytes - 1) < 0.1;
  if (bytes === undefined && !isClose) {
    const length = await askAny(wanted.urls, ask);
    if (length !== file.bytes) {
      return `it has ${file.bytes} bytes, the server's file ${length ?? 'a length it does not say'}`;
    }
  }
  await remember({});
  return undefined;
}

/** The length that the first server states; fails when none could be asked. */
async function askAny(urls: readonly string[], ask: AskLength): Promise<number | undefined> {
  let failure: unknown;
  let answered = false;
  for (const url of urls) {
    try {
      const length = await ask(url);
      if (length !== undefined) return length;
      answered = true;
    } catch (error) {
      failure = error;
    }
  }
  if (!answered && failure !== undefined) throw failure;
  return undefined;
}

/** Whether a file is meant to be a web page. */
export function isPageName(fileName: string): boolean {
  return /\.x?html?$/i.test(fileName);
}

/** Whether a file begins as a web page does: what log-in and error pages are. */
export async function beginsAsPage(file: Pick<PartFile, 'read'>): Promise<boolean> {
  for await (const chunk of file.read()) {
    const text = new TextDecoder().decode(chunk.subarray(0, 1024)).trimStart();
    return /^(?:<\?xml[^>]*>\s*)?(?:<!--.*?-->\s*)*<(?:!doctype\s+html|html|head|body)\b/is.test(
      text,
    );
  }
  return false;
}
