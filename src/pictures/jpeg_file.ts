/**
 * What a JPEG file holds, looked at before it is decoded: a decoder allocates what a header of a few
 * bytes claims, and goes through the whole image once for every scan.
 *
 * ITU-T T.81: https://www.w3.org/Graphics/JPEG/itu-t81.pdf
 */
import { requireSize } from './image_size';

/** Scans of the largest scripts in use are some 30; a hostile file could have tens of thousands. */
const MAX_SCANS = 100;
const SOI = 0xd8;
const EOI = 0xd9;
/** Application data that begin with their kind: EXIF, XMP. */
const APP1 = 0xe1;
/** Marker in front of a scan (SOS). */
export const JPEG_SCAN = 0xda;

export function isJpeg(bytes: Uint8Array): boolean {
  return bytes[0] === 0xff && bytes[1] === SOI && bytes[2] === 0xff;
}

/** What the header of a frame says of one of its components. */
export interface JpegComponent {
  readonly id: number;
  /** How many of its blocks lie side by side, and on top of each other, where all are interleaved. */
  readonly across: number;
  readonly down: number;
}

export interface JpegFrame {
  readonly width: number;
  readonly height: number;
  readonly components: readonly JpegComponent[];
  /** Number of the marker, SOF0 to SOF15, which tells how the data are coded. */
  readonly marker: number;
}

/** A piece of a JPEG file: a marker with its segment and, after a scan's header, the scan's data. */
export interface JpegSegment {
  readonly marker: number;
  /** Without the length in front. */
  readonly content: Uint8Array;
  /** Entropy-coded data with stuffed bytes and restarts; empty but for scans. */
  readonly data: Uint8Array;
}

/**
 * The segments of a JPEG file, up to its end. Markers without a segment are left out.
 *
 * @throws {Error} when the file is cut short
 */
export function* jpegSegments(bytes: Uint8Array): Generator<JpegSegment, void> {
  for (let at = 2; ;) {
    const { code, end } = markerAt(bytes, at);
    at = end;
    if (code === EOI) return;
    if (standsAlone(code)) continue;
    const length = ((bytes[at] ?? NaN) << 8) | (bytes[at + 1] ?? NaN);
    if (at + 2 > bytes.length || at + length > bytes.length) {
      throw new Error('the file is cut short');
    }
    if (length < 2) throw new Error(`a segment says that it has ${length} bytes`);
    const content = bytes.subarray(at + 2, at + length);
    at += length;
    const start = at;
    if (code === JPEG_SCAN) at = endOfScan(bytes, start);
    yield { marker: code, content, data: bytes.subarray(start, at) };
  }
}

/**
 * Checks a JPEG file marker by marker.
 *
 * @returns what its header says
 * @throws {Error} when it is cut short, has a second frame, more scans than any writer makes, is
 * larger than images may be, or holds fewer data than its header says
 */
export function checkJpeg(bytes: Uint8Array): JpegFrame {
  let frame: JpegFrame | undefined;
  let scans = 0;
  let coded = 0;
  for (const { marker, content, data } of jpegSegments(bytes)) {
    if (isFrame(marker)) {
      if (frame) throw new Error('the file has two headers');
      frame = readFrame(marker, content);
    }
    if (marker === JPEG_SCAN) {
      if (!frame) throw new Error('the file has a scan before its header');
      if (++scans > MAX_SCANS) throw new Error(`the file has more than ${MAX_SCANS} scans`);
      coded += data.length;
    }
  }
  if (!frame || scans === 0) throw new Error('the file holds no pixels');
  // Each block takes at least a bit; not so with arithmetic coding.
  if (frame.marker < 0xc9 && 8 * coded < blocksOf(frame)) {
    throw new Error('it holds fewer data than its header says');
  }
  return frame;
}

/** The EXIF data of a JPEG file that `checkJpeg` has checked, if there are any. */
export function jpegExif(bytes: Uint8Array): Uint8Array | undefined {
  for (const { marker, content } of jpegSegments(bytes)) {
    const mark = String.fromCharCode(...content.subarray(0, 6));
    if (marker === APP1 && mark === 'Exif\0\0') return content;
  }
  return undefined;
}

/** How many blocks of a component and how many rows of them go into one unit of interleaved data. */
export function largestSampling(
  components: readonly JpegComponent[],
): [across: number, down: number] {
  return [
    Math.max(...components.map(({ across }) => across)),
    Math.max(...components.map(({ down }) => down)),
  ];
}

function markerAt(bytes: Uint8Array, start: number): { code: number; end: number } {
  let at = start;
  // Rubbish between segments is passed over, as decoders do; a marker may be padded with 0xff.
  while (at < bytes.length && bytes[at] !== 0xff) at++;
  while (bytes[at] === 0xff) at++;
  const code = bytes[at];
  if (code === undefined) throw new Error('the file is cut short');
  return code === 0 ? markerAt(bytes, at) : { code, end: at + 1 };
}

/** Restarts and TEM have no segment. */
function standsAlone(code: number): boolean {
  return code === 0x01 || (code >= 0xd0 && code <= SOI);
}

/** SOF0 to SOF15, without the tables that share their numbers (DHT, JPG, DAC). */
export function isFrame(code: number): boolean {
  return code >= 0xc0 && code <= 0xcf && ![0xc4, 0xc8, 0xcc].includes(code);
}

function readFrame(marker: number, content: Uint8Array): JpegFrame {
  const [, high = 0, low = 0, left = 0, right = 0, count = 0] = content;
  const height = (high << 8) | low;
  const width = (left << 8) | right;
  if (count === 0 || content.length < 6 + 3 * count) throw new Error('the header is cut short');
  requireSize(width, height);
  const components = Array.from({ length: count }, (_, i) => {
    const [id = 0, sampling = 0] = content.subarray(6 + 3 * i);
    return { id, across: sampling >> 4, down: sampling & 15 };
  });
  return { width, height, components, marker };
}

/** Blocks of 8x8 coefficients, of all components. */
function blocksOf({ width, height, components }: JpegFrame): number {
  const [across, down] = largestSampling(components);
  return components.reduce((sum, component) => {
    const columns = Math.ceil((width * component.across) / (8 * across));
    const rows = Math.ceil((height * component.down) / (8 * down));
    return sum + columns * rows;
  }, 0);
}

/** Where the entropy-coded data end: at the next marker that is neither a stuffed byte nor a restart. */
function endOfScan(bytes: Uint8Array, start: number): number {
  for (let at = bytes.indexOf(0xff, start); at >= 0; at = bytes.indexOf(0xff, at + 1)) {
    const next = bytes[at + 1];
    const goesOn =
      next === 0 || next === 0xff || (next !== undefined && next >= 0xd0 && next < SOI);
    if (!goesOn && next !== undefined) return at;
  }
  throw new Error('the file is cut short');
}
