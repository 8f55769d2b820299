/** One version of a file on an HTTP server, read by ranges. */

import {
  contentEncodingOf,
  contentLengthOf,
  contentRangeOf,
  type FileVersion,
  isSameVersion,
  strongEtag,
  versionOf,
} from '../../common/http';
import { runsInNode } from '../../common/node';
import { shownUrl } from '../../common/url';
import { CheckpointError } from '../errors';
import {
  cut,
  letGo,
  requestOnce,
  TransientError,
  type UrlOptions,
  withRetries,
  wrongLength,
} from './http_request';

/** One version of a file on a server. */
export class RemoteFile {
  size: number | undefined;
  /** Servers that take If-Range send all of another version, instead of a part that does not fit. */
  private sendsIfRange: boolean;

  constructor(
    private readonly url: string,
    private readonly options: UrlOptions,
    private readonly version: FileVersion,
  ) {
    // In a page the header would cost a question first (CORS), which not every server grants.
    this.sendsIfRange = runsInNode() && strongEtag(version) !== undefined;
  }

  async read(offset: number, length: number): Promise<Uint8Array> {
    const size = this.size as number;
    if (offset + length > size) {
      throw new CheckpointError(
        'corrupt',
        `${shownUrl(this.url)} ends at byte ${size}, but bytes ${offset} to ${offset + length} are needed`,
      );
    }
    const bytes = new Uint8Array(length);
    let done = 0;
    await withRetries(this.url, this.options, async () => {
      // A server may send less than was asked for, and a connection may be cut: the rest is next.
      while (done < length) {
        const response = await this.requestRange(offset + done, length - done);
        const range = contentRangeOf(response.headers);
        const end = range ? range.last + 1 - offset : length;
        await drain(this.url, response, end - done, (chunk) => {
          bytes.set(chunk, done);
          done += chunk.byteLength;
        });
      }
    });
    return bytes;
  }

  private async requestRange(offset: number, length: number): Promise<Response> {
    const { url, sendsIfRange } = this;
    const condition = sendsIfRange ? strongEtag(this.version) : undefined;
    const init = rangeInit(offset, length, condition);
    const response = await requestOnce(url, this.options, init, [412, 416]);
    try {
      if (response.status === 206) refuseEncoding(url, response);
      this.checkVersion(response);
      if (response.status === 200 && sendsIfRange) {
        // The same version, and yet all of it: this server does not understand the condition.
        this.sendsIfRange = false;
        throw new TransientError(`${shownUrl(url)}: the server ignores ranges with a condition`, 0);
      }
      if (response.status !== 206) {
        throw new TransientError(
          `${shownUrl(url)}: the server ignored the range that was asked for, which it answered before`,
        );
      }
      this.checkRange(response, offset, length);
    } catch (error) {
      await letGo(response);
      throw error;
    }
    return response;
  }

  /** Throws unless the answer is of the version that was opened. */
  private checkVersion(response: Response): void {
    const what = this.differenceOf(response);
    if (what === undefined) return;
    throw new CheckpointError(
      'io',
      `${shownUrl(this.url)} changed while it was being read (${what}); open it again, or download it and ` +
        'give its path',
    );
  }

  private differenceOf({ status, headers }: Response): string | undefined {
    if (status === 412 || status === 416) return `the server answered ${status}`;
    const total = status === 200 ? contentLengthOf(headers) : contentRangeOf(headers)?.total;
    if (total !== undefined && this.size !== undefined && total !== this.size) {
      return `it has ${total} bytes, before it had ${this.size}`;
    }
    const same = isSameVersion(this.version, versionOf(headers));
    if (same === false) return 'its ETag or date of modification is another';
    const { etag, lastModified } = this.version;
    const named = etag !== undefined || lastModified !== undefined;
    if (same === undefined && named && status === 206) {
      return 'the server no longer says which version it sends';
    }
    return undefined;
  }

  /** Throws unless an answer with 206 holds the range asked for, or its beginning. */
  checkRange(response: Response, offset: number, length: number): void {
    const url = shownUrl(this.url);
    const asked = `bytes ${offset}-${offset + length - 1}`;
    const range = contentRangeOf(response.headers);
    if (!range) {
      // Pages on another origin are not shown Content-Range, unless the server says so.
      if (response.type === 'cors') return;
      throw new CheckpointError(
        'io',
        `${url}: asked for ${asked}, the server does not say which it sent (Content-Range is ` +
          `${response.headers.get('content-range') ?? 'missing'}); download the file and give its path`,
      );
    }
    const { first, last, total } = range;
    if (first === offset && last >= first && last < offset + length) return;
    throw new TransientError(
      `${url}: asked for ${asked}, got bytes ${first}-${last}/${total ?? '*'}; a server or cache in ` +
        'between is wrong: download the file and give its path',
    );
  }

  /** Pages on another origin may not see `Content-Range`, but always see `Content-Length`. */
  async sizeByHead(): Promise<number | undefined> {
    const { url, options } = this;
    const init = { method: 'HEAD', headers: PLAIN };
    try {
      const head = await withRetries(url, options, () => requestOnce(url, options, init));
      return isSameVersion(this.version, versionOf(head.headers)) === false
        ? undefined
        : contentLengthOf(head.headers);
    } catch (error) {
      if (options.signal?.aborted) throw error;
      return undefined;
    }
  }
}

/** Of compressed bytes neither the length nor an offset means the file's. Pages may not ask so. */
const PLAIN = { 'Accept-Encoding': 'identity' };

/** What asks for `length` bytes from `offset` on. */
export function rangeInit(offset: number, length: number, ifRange?: string): RequestInit {
  const range = { ...PLAIN, Range: `bytes=${offset}-${offset + length - 1}` };
  return { headers: ifRange === undefined ? range : { ...range, 'If-Range': ifRange } };
}

/** @throws {CheckpointError} 'io' when the answer is compressed */
export function refuseEncoding(url: string, { headers }: Response): void {
  const encoding = contentEncodingOf(headers);
  if (encoding === undefined) return;
  throw new CheckpointError(
    'io',
    `${shownUrl(url)}: the server compresses what it sends (Content-Encoding: ${encoding}), and ranges of ` +
      'compressed bytes are not ranges of the file; turn that off for this file, or download it and ' +
      'give its path',
  );
}

/** Hands over the body, which must have `length` bytes; stops as soon as it has more. */
async function drain(
  url: string,
  response: Response,
  length: number,
  take: (chunk: Uint8Array) => void,
): Promise<void> {
  const reader = response.body?.getReader();
  let done = 0;
  while (reader) {
    const step = await reader.read().catch((error: unknown) => {
      throw cut(url, error);
    });
    if (step.done) break;
    const chunk = step.value as Uint8Array;
    if (done + chunk.byteLength > length) {
      await reader.cancel().catch(() => undefined);
      throw wrongLength(url, length, done + chunk.byteLength);
    }
    take(chunk);
    done += chunk.byteLength;
  }
  if (done !== length) throw wrongLength(url, length, done);
}
