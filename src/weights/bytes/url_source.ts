/** A checkpoint on an HTTP server, read by ranges. */

import { messageOf } from '../../common/messages';
import { CheckpointError } from '../errors';
import type { ByteSource } from './byte_source';

/** How to reach a URL. */
export interface UrlOptions {
  /** Used in place of the global `fetch`, for example to add credentials. */
  fetch?: typeof fetch;
  /** Stops the reading: pending and later reads fail with code `io`. */
  signal?: AbortSignal;
}

/** First range asked for: enough to tell the format and to learn the size. */
const PROBE_BYTES = 1024;

/**
 * Opens a URL. A server that answers ranges gives a source that fetches what is read; one that
 * ignores them gives the whole file as a `Blob` (browsers may keep that on disk).
 *
 * @throws {CheckpointError} `io` on 404, 500, a refused connection or a body of the wrong length.
 */
export async function openUrl(url: string, options: UrlOptions = {}): Promise<ByteSource | Blob> {
  const http = /^https?:/i.test(url);
  const probe = await request(url, options, http ? [0, PROBE_BYTES] : undefined);
  if (probe.status !== 206) return wholeBody(url, probe);
  await probe.body?.cancel();
  const size = totalSize(probe) ?? (await sizeByHead(url, options));
  // Without a size there is nothing to take ranges of.
  if (size === undefined) return wholeBody(url, await request(url, options));
  return {
    size,
    label: url,
    read: (offset, length) => readRange(url, options, size, offset, length),
  };
}

async function readRange(
  url: string,
  options: UrlOptions,
  size: number,
  offset: number,
  length: number,
): Promise<Uint8Array> {
  if (length === 0) return new Uint8Array(0);
  if (offset + length > size) {
    throw new CheckpointError(
      'corrupt',
      `${url} ends at byte ${size}, but bytes ${offset} to ${offset + length} are needed`,
    );
  }
  const response = await request(url, options, [offset, length]);
  const total = totalSize(response);
  if (response.status !== 206 || (total !== undefined && total !== size)) {
    await response.body?.cancel();
    throw new CheckpointError(
      'io',
      `${url} changed while it was being read: it answered ${response.status} with ` +
        `${total ?? 'an unknown number of'} bytes in all, before it was 206 with ${size}`,
    );
  }
  return exactBody(url, response, length);
}

async function request(
  url: string,
  options: UrlOptions,
  range?: readonly [offset: number, length: number],
): Promise<Response> {
  const get = options.fetch ?? globalThis.fetch;
  const headers: Record<string, string> = range
    ? { Range: `bytes=${range[0]}-${range[0] + range[1] - 1}` }
    : {};
  let response: Response;
  try {
    response = await get(url, { headers, signal: options.signal });
  } catch (error) {
    throw new CheckpointError('io', `${url} cannot be reached: ${messageOf(error)}`, {
      cause: error,
    });
  }
  // 416: there are fewer bytes than asked for, as in an empty file.
  if (response.ok) return response;
  await response.body?.cancel();
  if (response.status === 416 && range?.[0] === 0) return request(url, options);
  throw new CheckpointError(
    'io',
    `${url} answered ${response.status} ${response.statusText}`.trim() +
      '; check the address, or download the file and give its path',
  );
}

/** The total in `Content-Range: bytes 0-9/1234`; undefined when it is hidden or unknown. */
function totalSize(response: Response): number | undefined {
  const match = /^bytes\s+\d+-\d+\/(\d+)$/i.exec(response.headers.get('content-range') ?? '');
  return match ? Number(match[1]) : undefined;
}

/** Pages on another origin may not see `Content-Range`, but always see `Content-Length`. */
async function sizeByHead(url: string, options: UrlOptions): Promise<number | undefined> {
  const get = options.fetch ?? globalThis.fetch;
  try {
    const response = await get(url, { method: 'HEAD', signal: options.signal });
    return response.ok ? declaredLength(response) : undefined;
  } catch {
    return undefined;
  }
}

/** `Content-Length`, where it counts the bytes that the page will see. */
function declaredLength(response: Response): number | undefined {
  const length = response.headers.get('content-length');
  const encoded = (response.headers.get('content-encoding') ?? 'identity') !== 'identity';
  return length !== null && /^\d+$/.test(length) && !encoded ? Number(length) : undefined;
}

async function wholeBody(url: string, response: Response): Promise<Blob> {
  const expected = declaredLength(response);
  let blob: Blob;
  try {
    blob = await response.blob();
  } catch (error) {
    throw cut(url, error);
  }
  if (expected !== undefined && blob.size !== expected) throw wrongLength(url, expected, blob.size);
  return blob;
}

/** The body, which must have `length` bytes; reading stops as soon as it has more. */
async function exactBody(url: string, response: Response, length: number): Promise<Uint8Array> {
  const bytes = new Uint8Array(length);
  const reader = response.body?.getReader();
  let done = 0;
  while (reader) {
    const step = await reader.read().catch((error: unknown) => {
      throw cut(url, error);
    });
    if (step.done) break;
    const chunk = step.value as Uint8Array;
    if (done + chunk.byteLength > length) {
      await reader.cancel();
      throw wrongLength(url, length, done + chunk.byteLength);
    }
    bytes.set(chunk, done);
    done += chunk.byteLength;
  }
  if (done !== length) throw wrongLength(url, length, done);
  return bytes;
}

function cut(url: string, error: unknown): CheckpointError {
  const message = `${url}: the connection was cut: ${messageOf(error)}`;
  return new CheckpointError('io', message, { cause: error });
}

function wrongLength(url: string, expected: number, got: number): CheckpointError {
  return new CheckpointError(
    'io',
    `${url} promised ${expected} bytes and sent ${got < expected ? 'only' : 'at least'} ${got}`,
  );
}
