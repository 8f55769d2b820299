/**
 * What a PNG file holds, looked at before it is decoded: a decoder believes a header of a few bytes,
 * and allocates what the compressed data inflate to.
 *
 * PNG specification, third edition: https://www.w3.org/TR/png-3/
 */
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createInflate, deflateSync, inflateSync } from 'node:zlib';

import { crc32 } from '../weights/zip/crc32';
import { requireSize } from './image_size';

const SIGNATURE = [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a];
/** Bits of a sample that each colour type allows, and its samples per pixel. */
const COLOURS: Partial<Record<number, { depths: readonly number[]; samples: number }>> = {
  0: { depths: [1, 2, 4, 8, 16], samples: 1 },
  2: { depths: [8, 16], samples: 3 },
  3: { depths: [1, 2, 4, 8], samples: 1 },
  4: { depths: [8, 16], samples: 2 },
  6: { depths: [8, 16], samples: 4 },
};
/** First column and row of the seven passes of Adam7, and their steps. */
const ADAM7 = [
  [0, 0, 8, 8],
  [4, 0, 8, 8],
  [0, 4, 4, 8],
  [2, 0, 4, 4],
  [0, 2, 2, 4],
  [1, 0, 2, 2],
  [0, 1, 1, 2],
] as const;
const PALETTE_BYTES = 3 * 256;
/** Bytes that may follow the last row: some writers leave a few, which are left out here. */
const SLACK = 2 ** 16;
/** Up to here, data are inflated at once: of a small image, a stream takes longer than all the rest. */
const SMALL = 2 ** 16;

export interface PngHeader {
  readonly width: number;
  readonly height: number;
  /** Bits of a sample. */
  readonly depth: number;
  /** 0 grey, 2 RGB, 3 palette, 4 grey and alpha, 6 RGB and alpha. */
  readonly colour: number;
  readonly isInterlaced: boolean;
}

export interface PngParts {
  readonly header: PngHeader;
  /** The file with nothing but what makes up its pixels. */
  readonly pieces: readonly Uint8Array[];
  /** EXIF data, if there are any. */
  readonly exif?: Uint8Array;
}

/** Whether a piece of a file is its palette. */
export function isPalette(piece: Uint8Array): boolean {
  return typeOf(piece) === 'PLTE';
}

export function isPng(bytes: Uint8Array): boolean {
  return SIGNATURE.every((byte, i) => bytes[i] === byte);
}

/**
 * Checks a PNG file down to the length of its inflated data, in a constant amount of memory.
 *
 * @returns its header, and the file with nothing but what makes up its pixels. Without the rest (`tRNS`
 * above all) decoders leave the colour of transparent pixels as it is, as Pillow's `convert('RGB')` does.
 * Short palettes are filled up with black, which is what Pillow gives for the entries that they lack.
 * @throws {Error} when it is cut short, has a second header, lacks a palette, has a chunk that must be understood
 * or whose type is no four letters, is larger than images may be, or holds more or fewer data than its header says
 */
export async function checkPng(bytes: Uint8Array): Promise<PngParts> {
  const kept: Uint8Array[] = [bytes.subarray(0, SIGNATURE.length)];
  const data: Uint8Array[] = [];
  let header: PngHeader | undefined;
  let hasPalette = false;
  let exif: Uint8Array | undefined;
  for (let at = SIGNATURE.length, type = ''; type !== 'IEND';) {
    const view = new DataView(bytes.buffer, bytes.byteOffset + at, Math.min(8, bytes.length - at));
    if (view.byteLength < 8) throw new Error('the file is cut short');
    const length = view.getUint32(0);
    const end = at + 12 + length;
    if (end > bytes.length) throw new Error('the file is cut short');
    type = String.fromCharCode(...bytes.subarray(at + 4, at + 8));
    const content = bytes.subarray(at + 8, end - 4);
    if ((header === undefined) !== (type === 'IHDR')) {
      throw new Error(
        header ? 'the file has two headers' : 'the file does not begin with a header',
      );
    }
    if (type === 'IHDR') header = readHeader(content);
    if (type === 'IDAT') data.push(content);
    if (type === 'eXIf') exif = content;
    if (type === 'PLTE' && (hasPalette || data.length > 0)) {
      throw new Error('the file has two palettes, or one after its pixels');
    }
    hasPalette ||= type === 'PLTE';
    if (type === 'PLTE') kept.push(paletteChunk(content));
    else if (['IHDR', 'IDAT', 'IEND'].includes(type)) kept.push(bytes.subarray(at, end));
    else if (!/^[a-z][A-Za-z]{3}$/.test(type)) {
      throw new Error(`the file has a chunk ${JSON.stringify(type)} that is unknown`);
    }
    at = end;
  }
  if (!header || data.length === 0) throw new Error('the file holds no pixels');
  if (header.colour === 3 && !hasPalette) throw new Error('the file has no palette');
  const expected = inflatedLength(header);
  const hasMore = (await checkLength(data, expected)) > expected;
  return { header, pieces: hasMore ? withoutMore(kept, data, expected) : kept, exif };
}

/** The pieces with nothing behind the last row: pngjs loses rows where there is more, or refuses it. */
function withoutMore(
  kept: readonly Uint8Array[],
  data: readonly Uint8Array[],
  expected: number,
): Uint8Array[] {
  const rows = inflateSync(Buffer.concat(data), { maxOutputLength: expected + SLACK });
  const others = kept.filter((piece) => typeOf(piece) !== 'IDAT');
  others.splice(-1, 0, chunkOf('IDAT', deflateSync(rows.subarray(0, expected), { level: 1 })));
  return others;
}

const typeOf = (chunk: Uint8Array): string => String.fromCharCode(...chunk.subarray(4, 8));

function chunkOf(type: string, content: Uint8Array): Uint8Array {
  const chunk = Buffer.alloc(12 + content.length);
  chunk.writeUInt32BE(content.length);
  chunk.write(type, 4);
  chunk.set(content, 8);
  chunk.writeUInt32BE(crc32(chunk.subarray(4, -4)), 8 + content.length);
  return chunk;
}

/** A palette of all 256 entries, black where it lacks some, as a chunk. */
export function paletteChunk(content: Uint8Array): Uint8Array {
  const palette = new Uint8Array(PALETTE_BYTES);
  const whole = content.length - (content.length % 3);
  palette.set(content.subarray(0, Math.min(whole, PALETTE_BYTES)));
  return chunkOf('PLTE', palette);
}

function readHeader(content: Uint8Array): PngHeader {
  if (content.length !== 13) throw new Error(`the header has ${content.length} bytes, not 13`);
  const view = new DataView(content.buffer, content.byteOffset, content.length);
  const [width, height] = [view.getUint32(0), view.getUint32(4)];
  const [depth = 0, colour = 0, compression, filter, interlace = 0] = content.subarray(8);
  if (!COLOURS[colour]?.depths.includes(depth)) {
    throw new Error(`the header says colour type ${colour} of ${depth} bits, which there is not`);
  }
  if (compression !== 0 || filter !== 0 || interlace > 1) {
    throw new Error('the header names a compression, filter or interlacing that there is not');
  }
  requireSize(width, height);
  return { width, height, depth, colour, isInterlaced: interlace === 1 };
}

/** Bytes of all rows, each with the byte that names its filter. */
function inflatedLength({ width, height, depth, colour, isInterlaced }: PngHeader): number {
  const bitsPerPixel = (COLOURS[colour]?.samples ?? 0) * depth;
  const rows = (w: number, h: number) =>
    w === 0 ? 0 : h * (1 + Math.ceil((w * bitsPerPixel) / 8));
  if (!isInterlaced) return rows(width, height);
  const count = (size: number, first: number, step: number) =>
    Math.max(0, Math.ceil((size - first) / step));
  return ADAM7.reduce(
    (sum, [x, y, dx, dy]) => sum + rows(count(width, x, dx), count(height, y, dy)),
    0,
  );
}

/** How many bytes data inflate to, where these are as many as the header says, or a few more. */
async function checkLength(data: readonly Uint8Array[], expected: number): Promise<number> {
  const size = data.reduce((sum, piece) => sum + piece.length, 0);
  const most = expected + SLACK;
  const isSmall = size <= SMALL && expected <= SMALL;
  const length = isSmall ? countNow(data, most) : await countInStream(data, most);
  if (length > most) throw new Error('it holds more data than its header says');
  if (length < expected) throw new Error('it holds fewer data than its header says');
  return length;
}

/** How many bytes data inflate to; Infinity where they are more than `most`. */
function countNow(data: readonly Uint8Array[], most: number): number {
  try {
    return inflateSync(Buffer.concat(data), { maxOutputLength: most }).length;
  } catch (error) {
    if ((error as { code?: unknown }).code === 'ERR_BUFFER_TOO_LARGE') return Infinity;
    throw error;
  }
}

/** The same, of which never more than a piece is in memory; it stops soon after `most`. */
async function countInStream(data: readonly Uint8Array[], most: number): Promise<number> {
  let length = 0;
  const count = async (inflated: AsyncIterable<Buffer>) => {
    for await (const piece of inflated) {
      length += piece.length;
      if (length > most) break;
    }
  };
  try {
    await pipeline(Readable.from(data), createInflate(), count);
  } catch (error) {
    // Leaving the loop early makes the pipeline fail, too.
    if (length <= most) throw error;
  }
  return length;
}
