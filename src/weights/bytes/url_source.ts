/** Opening a checkpoint by its URL: by ranges where the server has them, else all of it. */

import { warn } from '../../common/harmless';
import { contentLengthOf, contentRangeOf, versionOf } from '../../common/http';
import { shownUrl } from '../../common/url';
import { CheckpointError } from '../errors';
import type { ByteSource } from './byte_source';
import {
  cut,
  isHttp,
  letGo,
  requestOnce,
  type UrlOptions,
  withRetries,
  wrongLength,
} from './http_request';
import { rangeInit, refuseEncoding, RemoteFile } from './remote_file';

export type { UrlOptions };

/** First range asked for: enough to tell the format and to learn the size. */
const PROBE_BYTES = 1024;

/** Downloads of whole files are told from this size on, or where it is not known. */
const LARGE_BYTES = 64 << 20;

/**
 * Opens a URL. A server that answers ranges gives a source that fetches what is read; one that
 * ignores them gives the whole file as a `Blob` (browsers may keep that on disk), with a warning
 * where it is large.
 *
 * Every answer must be the range that was asked for, of the version of the file that was opened (by
 * its ETag, else its date of modification, where the server gives them, and its length). Busy
 * servers and cut connections are asked again.
 *
 * @throws {CheckpointError} 'io' when the server answers 404, 403 or the like, cannot be reached or
 * stays busy, when the file changes meanwhile, when ranges come compressed or others than asked for,
 * and when a body has the wrong length
 */
export async function openUrl(url: string, options: UrlOptions = {}): Promise<ByteSource | Blob> {
  if (!isHttp(url)) return wholeFile(url, options);
  const probe = await withRetries(url, options, () =>
    requestOnce(url, options, rangeInit(0, PROBE_BYTES), [416]),
  );
  // 416: there are fewer bytes than asked for, as in an empty file.
  if (probe.status === 416) {
    await letGo(probe);
    return wholeFile(url, options);
  }
  if (probe.status !== 206) {
    const length = contentLengthOf(probe.headers);
    if (length === undefined || length >= LARGE_BYTES) {
      warn(
        `${shownUrl(url)}: the server ignores ranges, so all of the file (${length ?? 'an unknown number of'} ` +
          'bytes) is downloaded before anything is read',
      );
    }
    return wholeFile(url, options, probe);
  }
  await letGo(probe);
  refuseEncoding(url, probe);
  const file = new RemoteFile(url, options, versionOf(probe.headers));
  file.checkRange(probe, 0, PROBE_BYTES);
  const size = contentRangeOf(probe.headers)?.total ?? (await file.sizeByHead());
  // Without a size there is nothing to take ranges of.
  if (size === undefined) return wholeFile(url, options);
  file.size = size;
  return {
    size,
    label: shownUrl(url),
    read: (offset, length) => file.read(offset, length),
  };
}

/**
 * The whole file, of one answer.
 *
 * @param first an answer that is there already
 */
async function wholeFile(url: string, options: UrlOptions, first?: Response): Promise<Blob> {
  let answer = first;
  return withRetries(url, options, async () => {
    const response = answer ?? (await requestOnce(url, options));
    answer = undefined;
    if (response.status === 206) {
      await letGo(response);
      throw new CheckpointError(
        'io',
        `${shownUrl(url)}: asked for all of it, the server sent a part`,
      );
    }
    const expected = contentLengthOf(response.headers);
    const blob = await response.blob().catch((error: unknown) => {
      throw cut(url, error);
    });
    if (expected !== undefined && blob.size !== expected) {
      throw wrongLength(url, expected, blob.size);
    }
    return blob;
  });
}
