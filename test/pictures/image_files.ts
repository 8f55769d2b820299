/** Image files made by hand, good and hostile ones. */
import { constants, crc32, deflateRawSync, deflateSync } from 'node:zlib';

export const SIGNATURE = Buffer.from([137, 80, 78, 71, 13, 10, 26, 10]);

export function pngChunk(type: string, data: Uint8Array): Buffer {
  const body = Buffer.concat([Buffer.from(type), data]);
  const length = Buffer.alloc(4);
  const sum = Buffer.alloc(4);
  length.writeUInt32BE(data.length);
  sum.writeUInt32BE(crc32(body));
  return Buffer.concat([length, body, sum]);
}

export function pngHeader(
  width: number,
  height: number,
  { depth = 8, colour = 2, interlace = 0 } = {},
): Buffer {
  const data = Buffer.alloc(13);
  data.writeUInt32BE(width, 0);
  data.writeUInt32BE(height, 4);
  data.set([depth, colour, 0, 0, interlace], 8);
  return pngChunk('IHDR', data);
}

/** A PNG of these chunks, with the pixels' data already compressed. */
export function png(before: readonly Buffer[], compressed: Uint8Array): Buffer {
  return Buffer.concat([
    SIGNATURE,
    ...before,
    pngChunk('IDAT', compressed),
    pngChunk('IEND', Buffer.alloc(0)),
  ]);
}

/** An RGB PNG. */
export function rgbPng(
  width: number,
  height: number,
  pixel: (x: number, y: number) => readonly number[],
  extra: readonly Buffer[] = [],
): Buffer {
  const rows = Buffer.alloc(height * (1 + 3 * width));
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) rows.set(pixel(x, y), y * (1 + 3 * width) + 1 + 3 * x);
  }
  return png([pngHeader(width, height), ...extra], deflateSync(rows));
}

/** A zlib stream of so many MiB of zeros, a thousandth as long, made of one piece over and over. */
export function zeros(mib: number): Buffer {
  const piece = deflateRawSync(Buffer.alloc(2 ** 20), {
    level: 9,
    finishFlush: constants.Z_FULL_FLUSH,
  });
  const sum = Buffer.alloc(4);
  sum.writeUInt32BE((((mib * 2 ** 20) % 65521) * 65536 + 1) >>> 0);
  const pieces = Array.from({ length: mib }, () => piece);
  return Buffer.concat([
    Buffer.from([0x78, 0x9c]),
    ...pieces,
    Buffer.from([1, 0, 0, 255, 255]),
    sum,
  ]);
}
