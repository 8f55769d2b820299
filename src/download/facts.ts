/** What is known of a published file before it is downloaded. */
import type { PretrainedWeights, WeightSource } from '../registry/pretrained';

/** What a download needs to know of a weight set. */
export type Downloadable = Pick<PretrainedWeights, 'fileName' | 'sources'> &
  Partial<Pick<PretrainedWeights, 'approximateBytes' | 'packageFile'>>;

/** The addresses of one file, and what all of them must give. */
export interface Wanted {
  fileName: string;
  /** Where to download from, in this order. */
  urls: readonly string[];
  /** Addresses whose file is the one that is wanted, where nothing else tells. */
  sameFile: readonly string[];
  /** Exact length in bytes. */
  bytes?: number;
  /** SHA-256 in lower-case hex. */
  sha256?: string;
  /** Length in bytes to two digits or better. */
  approximateBytes?: number;
}

/**
 * All sources of a record hold one file, so that what one of them states of it holds for each: a
 * fallback without a checksum is held to that of the first. A mirror replaces the addresses, not
 * the file.
 *
 * @throws {Error} when a length or checksum is none, or the sources contradict each other
 */
export function wantedFile(record: Downloadable, baseUrl?: string): Wanted {
  const { fileName, sources, approximateBytes } = record;
  for (const { bytes, sha256 } of sources) {
    if (bytes !== undefined && !(Number.isSafeInteger(bytes) && bytes >= 0)) {
      throw new Error(`${fileName}: bytes is ${bytes}; expected the exact length in bytes`);
    }
    if (sha256 !== undefined && !/^[0-9a-f]{64}$/i.test(sha256)) {
      throw new Error(`${fileName}: sha256 is '${sha256}'; expected 64 hexadecimal digits`);
    }
  }
  const published = sources.map(({ url }) => url);
  const mirror =
    baseUrl === undefined
      ? undefined
      : `${baseUrl.replace(/\/+$/, '')}/${encodeURIComponent(fileName)}`;
  return {
    fileName,
    urls: mirror === undefined ? published : [mirror],
    sameFile: mirror === undefined ? published : [mirror, ...published],
    bytes: agreed(fileName, sources, 'bytes', ({ bytes }) => bytes),
    sha256: agreed(fileName, sources, 'sha256', ({ sha256 }) => sha256?.toLowerCase()),
    approximateBytes,
  };
}

function agreed<T>(
  fileName: string,
  sources: readonly WeightSource[],
  what: string,
  stated: (source: WeightSource) => T | undefined,
): T | undefined {
  const values = [...new Set(sources.map(stated).filter((value) => value !== undefined))];
  if (values.length > 1) {
    throw new Error(
      `${fileName}: its sources state different ${what} (${values.join(', ')}); sources are places ` +
        'of one file, so give each file a record and a fileName of its own',
    );
  }
  return values[0];
}
