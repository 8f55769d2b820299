/**
 * What a WebP file holds, looked at before it is decoded: a decoder allocates what a header of a few bytes
 * claims.
 *
 * WebP container: RFC 9649, https://www.rfc-editor.org/rfc/rfc9649
 */
import { requireSize } from './image_size';

/** Bits of the flags of an extended header (VP8X). */
const ANIMATION = 0x02;

export function isWebp(bytes: Uint8Array): boolean {
  return nameAt(bytes, 0) === 'RIFF' && nameAt(bytes, 8) === 'WEBP';
}

/**
 * Checks a WebP file chunk by chunk.
 *
 * @returns its EXIF data, if there are any
 * @throws {Error} when it is cut short, is animated, has no pixels, or is larger than images may be
 */
export function checkWebp(bytes: Uint8Array): { exif?: Uint8Array } {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  if (bytes.length < 20) throw new Error('the file is cut short');
  const end = 8 + view.getUint32(4, true);
  if (end > bytes.length) throw new Error('the file is cut short');
  let exif: Uint8Array | undefined;
  let hasPixels = false;
  for (let at = 12; at + 8 <= end;) {
    const length = view.getUint32(at + 4, true);
    const start = at + 8;
    if (start + length > end) throw new Error('the file is cut short');
    const content = bytes.subarray(start, start + length);
    const name = nameAt(bytes, at);
    if (name === 'VP8X') checkExtended(content);
    if (name === 'VP8 ' || name === 'VP8L') {
      requireSize(...(name === 'VP8 ' ? lossySize(content) : losslessSize(content)));
      hasPixels = true;
    }
    if (name === 'EXIF') exif = content;
    at = start + length + (length % 2);
  }
  if (!hasPixels) throw new Error('the file holds no pixels');
  return { exif };
}

function nameAt(bytes: Uint8Array, at: number): string {
  return String.fromCharCode(...bytes.subarray(at, at + 4));
}

function checkExtended(content: Uint8Array): void {
  if (content.length < 10) throw new Error('the header is cut short');
  if (((content[0] as number) & ANIMATION) !== 0) {
    throw new Error('it is animated; save a single picture of it');
  }
  const at = (i: number) =>
    1 +
    (content[i] as number) +
    ((content[i + 1] as number) << 8) +
    ((content[i + 2] as number) << 16);
  requireSize(at(4), at(7));
}

/** Of the header of a key frame, RFC 6386, section 9.1. */
function lossySize(content: Uint8Array): [width: number, height: number] {
  const [, , , a, b, c, left = 0, right = 0, low = 0, high = 0] = content;
  if (a !== 0x9d || b !== 0x01 || c !== 0x2a || content.length < 10) {
    throw new Error('damaged: it does not begin with a key frame');
  }
  return [((right << 8) | left) & 0x3fff, ((high << 8) | low) & 0x3fff];
}

/** RFC 9649, section 3.4. */
function losslessSize(content: Uint8Array): [width: number, height: number] {
  const [signature, a = 0, b = 0, c = 0, d = 0] = content;
  if (signature !== 0x2f || content.length < 5)
    throw new Error('damaged: the header of its pixels');
  const bits = a | (b << 8) | (c << 16) | (d << 24);
  return [(bits & 0x3fff) + 1, ((bits >>> 14) & 0x3fff) + 1];
}
