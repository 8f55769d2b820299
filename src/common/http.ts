/** What the headers of an HTTP answer say of its bytes: which version, which range, in which form. */

/** What names one version of a file (RFC 9110, section 8.8). */
export interface FileVersion {
  readonly etag?: string;
  readonly lastModified?: string;
}

/** The version that an answer is of; pages on another origin may see only the date. */
export function versionOf(headers: Headers): FileVersion {
  return {
    etag: headers.get('etag') ?? undefined,
    lastModified: headers.get('last-modified') ?? undefined,
  };
}

/** The ETag, if equal ETags mean equal bytes: only then may it stand in If-Range. */
export function strongEtag({ etag }: FileVersion): string | undefined {
  return etag?.startsWith('W/') ? undefined : etag;
}

/**
 * Whether two answers are of one version; undefined where they name nothing that could be compared.
 * Weak ETags promise no equal bytes: with those the date must agree as well, where there is one.
 */
export function isSameVersion(a: FileVersion, b: FileVersion): boolean | undefined {
  const dates = a.lastModified !== undefined && b.lastModified !== undefined;
  const sameDate = dates ? a.lastModified === b.lastModified : undefined;
  if (a.etag === undefined || b.etag === undefined) return sameDate;
  if (opaqueTag(a.etag) !== opaqueTag(b.etag)) return false;
  const strong = strongEtag(a) !== undefined && strongEtag(b) !== undefined;
  return strong || sameDate !== false;
}

function opaqueTag(etag: string): string {
  return etag.replace(/^W\//, '');
}

/** `Content-Range: bytes FIRST-LAST/TOTAL`; the total is undefined where the server does not know it. */
export interface ContentRange {
  readonly first: number;
  readonly last: number;
  readonly total?: number;
}

/** The range that an answer says it is; undefined where it does not say so, or nothing that makes sense. */
export function contentRangeOf(headers: Headers): ContentRange | undefined {
  const text = headers.get('content-range') ?? '';
  const match = /^bytes\s+(\d+)-(\d+)\/(\d+|\*)$/i.exec(text.trim());
  if (!match) return undefined;
  const [first, last] = [Number(match[1]), Number(match[2])];
  const total = match[3] === '*' ? undefined : Number(match[3]);
  return { first, last, total };
}

/** How the body is compressed; undefined where it is not. */
export function contentEncodingOf(headers: Headers): string | undefined {
  const encoding = headers.get('content-encoding')?.trim().toLowerCase();
  return encoding === undefined || encoding === '' || encoding === 'identity'
    ? undefined
    : encoding;
}

/** `Content-Length`, where it counts the bytes that the reader will see. */
export function contentLengthOf(headers: Headers): number | undefined {
  const length = headers.get('content-length');
  if (length === null || !/^\d+$/.test(length)) return undefined;
  return contentEncodingOf(headers) === undefined ? Number(length) : undefined;
}
