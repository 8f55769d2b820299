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
const SOS = 0xda;

export function isJpeg(bytes: Uint8Array): boolean {
  return bytes[0] === 0xff && bytes[1] === SOI && bytes[2] === 0xff;
}

interface Frame {
  /** Blocks of 8x8 coefficients, of all components. */
  blocks: number;
  /** Whether each block takes at least a bit: not so with arithmetic coding. */
  isHuffman: boolean;
}

/**
 * Checks a JPEG file marker by marker.
 *
 * @throws {Error} when it is cut short, has a second frame, more scans than any writer makes, is
 * larger than images may be, or holds fewer data than its header says
 */
export function checkJpeg(bytes: Uint8Array): void {
  let frame: Frame | undefined;
  let scans = 0;
  let coded = 0;
  for (let at = 2; ;) {
    const marker = markerAt(bytes, at);
    at = marker.end;
    if (marker.code === EOI) break;
    if (standsAlone(marker.code)) continue;
    const length = ((bytes[at] ?? NaN) << 8) | (bytes[at + 1] ?? NaN);
    if (at + 2 > bytes.length || at + length > bytes.length) {
      throw new Error('the file is cut short');
    }
    if (length < 2) throw new Error(`a segment says that it has ${length} bytes`);
    const content = bytes.subarray(at + 2, at + length);
    at += length;
    if (isFrame(marker.code)) {
      if (frame) throw new Error('the file has two headers');
      frame = readFrame(marker.code, content);
    }
    if (marker.code === SOS) {
      if (!frame) throw new Error('the file has a scan before its header');
      if (++scans > MAX_SCANS) throw new Error(`the file has more than ${MAX_SCANS} scans`);
      const end = endOfScan(bytes, at);
      coded += end - at;
      at = end;
    }
  }
  if (!frame || scans === 0) throw new Error('the file holds no pixels');
  if (frame.isHuffman && 8 * coded < frame.blocks) {
    throw new Error('it holds fewer data than its header says');
  }
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
function isFrame(code: number): boolean {
  return code >= 0xc0 && code <= 0xcf && ![0xc4, 0xc8, 0xcc].includes(code);
}

function readFrame(code: number, content: Uint8Array): Frame {
  const [, high = 0, low = 0, left = 0, right = 0, components = 0] = content;
  const height = (high << 8) | low;
  const width = (left << 8) | right;
  if (components === 0 || content.length < 6 + 3 * components) {
    throw new Error('the header is cut short');
  }
  requireSize(width, height);
  const sampling = Array.from({ length: components }, (_, i) => content[7 + 3 * i] ?? 0);
  const across = sampling.map((factor) => factor >> 4);
  const down = sampling.map((factor) => factor & 15);
  const blocks = sampling.reduce((sum, _, i) => {
    const columns = Math.ceil((width * (across[i] ?? 0)) / (8 * Math.max(...across)));
    const rows = Math.ceil((height * (down[i] ?? 0)) / (8 * Math.max(...down)));
    return sum + columns * rows;
  }, 0);
  return { blocks, isHuffman: code < 0xc9 };
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
