/** What to ask a server for, and what its answer means for the part. */
import { isTransientStatus, retryAfterMs } from '../common/retry';
import { DownloadError, RetryableError } from './errors';
import type { PartFile } from './store';

/** What the next request is to bring. */
export interface Plan {
  url: string;
  /** The address as messages may show it. */
  shown: string;
  /** Whether the file is meant to be a web page. */
  takesPages: boolean;
  /** Exact length in bytes, where it is published. */
  bytes?: number;
  hasChecksum: boolean;
  /** First byte wanted. */
  start: number;
  /** ETag or date of the version that the bytes before `start` belong to. */
  validator?: string;
  sendsIfRange: boolean;
}

/** The body of an accepted answer; `part` is ready to take it. */
export interface Body {
  stream: ReadableStream<Uint8Array>;
  /** Length of the whole file, when announced or published. */
  total?: number;
  /** Whether the body continues what the part held. */
  continued: boolean;
}

const MISSING = [404, 410];

export function requestHeaders({ start, validator, sendsIfRange }: Plan): Record<string, string> {
  // Compressed on the way, neither the length nor an offset would mean the file's bytes.
  const plain = { 'Accept-Encoding': 'identity' };
  if (start === 0) return plain;
  const range = { ...plain, Range: `bytes=${start}-` };
  return sendsIfRange && validator !== undefined ? { ...range, 'If-Range': validator } : range;
}

/**
 * Accepts or refuses an answer. A whole file (200) restarts the part; a range (206) must begin
 * where the part ends and be of the same version, else the part is dropped and the request made
 * again.
 */
export async function readResponse(response: Response, part: PartFile, plan: Plan): Promise<Body> {
  try {
    return await acceptResponse(response, part, plan);
  } catch (error) {
    await response.body?.cancel().catch(() => undefined);
    throw error;
  }
}

async function acceptResponse(response: Response, part: PartFile, plan: Plan): Promise<Body> {
  const { url, shown, start } = plan;
  if (response.status === 416 && start > 0) {
    await refuse(
      response,
      part,
      `${shown}: the server has no byte ${start}; starting again`,
      shown,
    );
  }
  if (response.status !== 200 && response.status !== 206) {
    throw statusError(response, shown);
  }
  if (!response.body) {
    throw new RetryableError(`${shown}: the answer has no body`, { url: shown });
  }
  refusePage(response, plan);
  const stream = response.body;
  if (response.status === 206 && start > 0) {
    const total = await checkRange(response, part, plan);
    return { stream, total, continued: true };
  }
  if (response.status === 206) {
    await refuse(response, part, `${shown}: the server sent a range that was not asked for`, shown);
  }
  const total = announcedLength(response);
  checkTotal(total, plan);
  await part.restart({ url, validator: validatorOf(response), total });
  return { stream, total: total ?? plan.bytes, continued: false };
}

async function checkRange(
  response: Response,
  part: PartFile,
  plan: Plan,
): Promise<number | undefined> {
  const { shown, start } = plan;
  const known = part.state?.total;
  const validator = validatorOf(response);
  if (validator !== undefined && validator !== plan.validator && plan.validator !== undefined) {
    await refuse(response, part, `${shown}: the file changed on the server; starting again`, shown);
  }
  if (validator === undefined && !plan.sendsIfRange && !plan.hasChecksum) {
    await refuse(response, part, `${shown}: the server does not say which version it sent`, shown);
  }
  const range = /^bytes (\d+)-(\d+)\/(\d+|\*)$/.exec(response.headers.get('content-range') ?? '');
  if (range) {
    const total = range[3] === '*' ? known : Number(range[3]);
    if (Number(range[1]) !== start || (known !== undefined && total !== known)) {
      await refuse(
        response,
        part,
        `${shown}: asked for byte ${start} of ${known ?? 'an unknown number'}, got ${range[0]}`,
        shown,
      );
    }
    checkTotal(total, plan);
    return total;
  }
  // Cross-origin answers may hide Content-Range; their length then tells where they begin.
  const length = announcedLength(response);
  if (known === undefined || length === undefined || start + length !== known) {
    await refuse(response, part, `${shown}: the server does not say which range it sent`, shown);
  }
  return known;
}

/** A log-in or error page that came with status 200. What the part holds stays. */
function refusePage(response: Response, { shown, takesPages }: Plan): void {
  const type = response.headers.get('content-type') ?? '';
  if (takesPages || !/^\s*(?:text\/html|application\/xhtml\+xml)\b/i.test(type)) return;
  throw new DownloadError(
    'http',
    `${shown}: the server sent a web page (${type}) in place of the file; is a log-in needed there?`,
    { url: shown, status: response.status },
  );
}

/** Drops the part and asks for another attempt, from the first byte. */
async function refuse(
  response: Response,
  part: PartFile,
  message: string,
  url: string,
): Promise<never> {
  await part.discard();
  throw new RetryableError(message, { url, status: response.status });
}

function checkTotal(total: number | undefined, { shown, bytes, hasChecksum }: Plan): void {
  if (total === undefined && bytes === undefined && !hasChecksum) {
    throw new DownloadError(
      'size',
      `${shown}: the server gives no Content-Length and neither length nor checksum of the file is ` +
        'known, so a cut download could not be told from a whole one; use a server that gives it',
      { url: shown },
    );
  }
  if (total !== undefined && bytes !== undefined && total !== bytes) {
    throw new DownloadError(
      'size',
      `${shown}: the server announces ${total} bytes; the published file has ${bytes}`,
      { url: shown },
    );
  }
}

/** Content-Length, unless it counts compressed bytes. */
export function announcedLength(response: Response): number | undefined {
  const encoding = response.headers.get('content-encoding');
  const length = response.headers.get('content-length');
  if (length === null || (encoding !== null && encoding !== 'identity')) return undefined;
  return /^\d+$/.test(length) ? Number(length) : undefined;
}

/** What names this version of the file. Weak ETags do not promise equal bytes. */
function validatorOf(response: Response): string | undefined {
  const etag = response.headers.get('etag');
  if (etag !== null && !etag.startsWith('W/')) return etag;
  return response.headers.get('last-modified') ?? undefined;
}

function statusError(response: Response, url: string): DownloadError {
  const { status } = response;
  const details = { url, status };
  if (MISSING.includes(status)) {
    return new DownloadError('not-found', `${url}: not found (${status})`, details);
  }
  if (isTransientStatus(status)) {
    return new RetryableError(
      `${url}: the server answered ${status}`,
      details,
      retryAfterMs(response.headers),
    );
  }
  return new DownloadError(
    'http',
    `${url}: the server answered ${status} ${response.statusText}; expected 200 or 206`,
    details,
  );
}
