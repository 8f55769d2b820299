/** Opening the bytes of a checkpoint, wherever they are. */

import { messageOf } from '../../common/messages';
import { runsInNode } from '../../common/node';
import { isUrlText, shownUrl } from '../../common/url';
import { CheckpointError } from '../errors';
import { type ByteSource, checkRange } from './byte_source';
import { MAX_CALL_BYTES } from './durable';
import { nodeFileSystem } from './node_file_system';
import { readAhead } from './read_ahead';
import { openUrl, type UrlOptions } from './url_source';

export type { ByteSource };

/** What can be opened: a Node path or URL string, bytes, a `Blob` or `File`, a `URL`, a source. */
export type CheckpointSource = string | ArrayBuffer | Uint8Array | Blob | URL | ByteSource;

/** Options of {@link openSource}. */
export type SourceOptions = UrlOptions;

/** Bytes fetched at once where single reads are dear. */
const FILE_WINDOW = 1 << 20;
const URL_WINDOW = 4 << 20;

/** A source over bytes in memory; reads share that memory. */
export function memorySource(bytes: Uint8Array, label = 'ArrayBuffer'): ByteSource {
  const source: ByteSource = {
    size: bytes.byteLength,
    label,
    read: async (offset, length) => {
      checkRange(source, offset, length);
      return bytes.subarray(offset, offset + length);
    },
  };
  return source;
}

/** A source over a `Blob` or `File`; only what is read is brought into memory. */
export function blobSource(blob: Blob, label = 'Blob'): ByteSource {
  const source: ByteSource = {
    size: blob.size,
    label,
    read: async (offset, length) => {
      checkRange(source, offset, length);
      try {
        return new Uint8Array(await blob.slice(offset, offset + length).arrayBuffer());
      } catch (error) {
        throw new CheckpointError('io', `${label} cannot be read: ${messageOf(error)}`, {
          cause: error,
        });
      }
    },
  };
  return source;
}

/**
 * A source over a file, in Node. A file that another process writes to meanwhile is an error, not a
 * mixture of two; one that is renamed over it does not matter.
 *
 * @throws {CheckpointError} 'io' when there is no such file or it may not be read.
 */
export async function fileSource(path: string): Promise<ByteSource> {
  const fs = await nodeFileSystem();
  const fail = (error: unknown): never => {
    throw new CheckpointError('io', `${path} cannot be read: ${messageOf(error)}`, {
      cause: error,
    });
  };
  const handle = await fs.open(path, 'r').catch(fail);
  const stat = await handle.stat().catch(async (error: unknown) => {
    await handle.close().catch(() => undefined);
    return fail(error);
  });
  if (!stat.isFile()) {
    await handle.close();
    const advice = stat.isDirectory()
      ? 'is not a file but a folder; give a checkpoint file. A saved tfjs model (model.json) is loaded by ' +
        'tf.loadLayersModel(fileSystem(folder)) of tfjs-revcol/node'
      : 'is not a file';
    throw new CheckpointError('io', `${path} ${advice}`);
  }
  const source: ByteSource = {
    size: stat.size,
    label: path,
    read: async (offset, length) => {
      checkRange(source, offset, length);
      const bytes = new Uint8Array(length);
      let done = 0;
      while (done < length) {
        const count = Math.min(MAX_CALL_BYTES, length - done);
        const { bytesRead } = await handle.read(bytes, done, count, offset + done).catch(fail);
        if (bytesRead === 0) {
          throw new CheckpointError('io', `${path} became shorter while it was being read`);
        }
        done += bytesRead;
      }
      const now = await handle.stat().catch(fail);
      if (now.size !== stat.size || now.mtimeMs !== stat.mtimeMs) {
        throw new CheckpointError(
          'io',
          `${path} changed while it was being read; open it again once it is complete`,
        );
      }
      return bytes;
    },
    close: () => handle.close().catch(fail),
  };
  return source;
}

/** What `parse` makes of an address. */
function parsed<T>(text: string, parse: () => T): T {
  try {
    return parse();
  } catch {
    // Without its cause, which holds the whole address.
    throw new CheckpointError('io', `${shownUrl(text)} is no address that can be read`);
  }
}

function parsedUrl(text: string, base?: string): URL {
  return parsed(text, () => new URL(text, base));
}

/**
 * Opens a checkpoint's bytes without reading them all.
 *
 * A string with a scheme (`https:`, `blob:`, `data:`, `file:`, another with `//`) is a URL; any other string is a path
 * in Node, and relative to the page in a browser. HTTP servers are asked for ranges; from one that
 * ignores them the whole file is downloaded once.
 *
 * @throws {CheckpointError} 'io' when the source cannot be reached; 'unsupported' when the value is
 * none of the above.
 */
export async function openSource(
  source: CheckpointSource,
  options: SourceOptions = {},
): Promise<ByteSource> {
  if (typeof source === 'string') {
    if (isUrlText(source)) return openSource(parsedUrl(source), options);
    if (runsInNode()) return readAhead(await fileSource(source), FILE_WINDOW);
    const page = globalThis.location?.href;
    // Neither Node nor a page: React Native. The file is asked for, to be refused in the same words.
    if (page === undefined) return fileSource(source);
    return openSource(parsedUrl(source, page), options);
  }
  if (source instanceof URL) {
    if (source.protocol === 'file:') {
      return readAhead(await fileSource(filePath(source)), FILE_WINDOW);
    }
    const body = await openUrl(source.href, options);
    return body instanceof Blob
      ? readAhead(blobSource(body, shownUrl(source.href)), FILE_WINDOW)
      : readAhead(body, URL_WINDOW);
  }
  if (ArrayBuffer.isView(source)) {
    return memorySource(new Uint8Array(source.buffer, source.byteOffset, source.byteLength));
  }
  if (isArrayBuffer(source)) return memorySource(new Uint8Array(source));
  if (typeof Blob !== 'undefined' && source instanceof Blob) {
    return readAhead(blobSource(source, (source as File).name ?? 'Blob'), FILE_WINDOW);
  }
  if (isByteSource(source)) return source;
  throw new CheckpointError(
    'unsupported',
    `A checkpoint source must be a path, a URL, an ArrayBuffer, a Uint8Array, a Blob or a ` +
      `ByteSource; got ${Object.prototype.toString.call(source)}`,
  );
}

function filePath(url: URL): string {
  // A percent sign need not be followed by what stands for a letter.
  const path = parsed(url.href, () => decodeURIComponent(url.pathname));
  return /^\/[a-z]:\//i.test(path) ? path.slice(1) : path;
}

// By name, not instanceof: buffers from another realm (a test runner's, a frame's) count too.
function isArrayBuffer(value: unknown): value is ArrayBuffer {
  const tag = Object.prototype.toString.call(value);
  return tag === '[object ArrayBuffer]' || tag === '[object SharedArrayBuffer]';
}

function isByteSource(value: unknown): value is ByteSource {
  const candidate = value as ByteSource | null;
  return typeof candidate?.read === 'function' && typeof candidate.size === 'number';
}
