/**
 * PNG files. An input is a file whose pixels are not compressed and whose checksums are of no account: a fuzzer
 * guesses neither. Its first byte says whether that is put right, or the file is read as it is.
 */
import { deflateSync } from 'node:zlib';

import { decodeImage } from '../../src/pictures/decode_image';
import { isPng } from '../../src/pictures/png_file';
import { crc32 } from '../../src/weights/zip/crc32';
import { type FuzzTarget, hex } from './target';

const SIGNATURE = Uint8Array.of(0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a);

/** Larger ones are no more interesting, and slow. */
const MOST_PIXELS = 1 << 16;

function chunk(type: Uint8Array, content: Uint8Array): Buffer {
  const bytes = Buffer.alloc(12 + content.length);
  bytes.writeUInt32BE(content.length);
  bytes.set(type, 4);
  bytes.set(content, 8);
  bytes.writeUInt32BE(crc32(bytes.subarray(4, -4)), 8 + content.length);
  return bytes;
}

export const target: FuzzTarget = {
  file: (input) => {
    const [isRaw = 0] = input;
    const rest = input.subarray(1);
    if (isRaw % 4 === 0) return rest;
    const chunks: Buffer[] = [];
    for (let at = 0; at + 8 <= rest.length;) {
      const view = new DataView(rest.buffer, rest.byteOffset + at, 8);
      // Lengths of two bytes: those of four are most often beyond the end.
      const length = Math.min(view.getUint32(0) & 0xffff, rest.length - at - 8);
      const type = rest.subarray(at + 4, at + 8);
      const content = rest.subarray(at + 8, at + 8 + length);
      const isData = Buffer.from(type).toString('latin1') === 'IDAT';
      chunks.push(chunk(type, isData ? deflateSync(content, { level: 1 }) : content));
      at += 8 + length;
    }
    return Buffer.concat([SIGNATURE, ...chunks, chunk(Buffer.from('IEND'), new Uint8Array(0))]);
  },
  read: async (file) => {
    if (isPng(file) && file.length > 24) {
      const view = new DataView(file.buffer, file.byteOffset, file.byteLength);
      if (view.getUint32(16) * view.getUint32(20) > MOST_PIXELS)
        throw new Error('cannot be decoded: large');
    }
    const { width, height, data } = await decodeImage(file, 'the file');
    const rgb = Buffer.alloc(3 * width * height);
    const channels = data.length / (width * height);
    for (let i = 0; i < width * height; i++) {
      for (let c = 0; c < 3; c++) rgb[3 * i + c] = data[channels * i + c] as number;
    }
    return [width, height, hex(rgb)];
  },
  // Every error of the decoder's is told as one of the file.
  isRefusal: (error) =>
    error instanceof Error && /neither JPEG, PNG nor WebP|cannot be decoded/.test(error.message),
};
