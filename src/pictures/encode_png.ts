/** Pixels to PNG files. */
import { PNG } from 'pngjs';

/** Bytes of a picture: grey (one a pixel) or RGB (three a pixel). */
export interface EncodedPixels {
  readonly width: number;
  readonly height: number;
  readonly data: Uint8Array;
}

/** Numbers of PNG's colour types by bytes of a pixel. */
const COLOURS = { 1: 0, 3: 2 } as const;

/**
 * Encodes pixels of 8-bit samples without loss.
 *
 * @throws {Error} when there is neither one byte nor three for each pixel
 */
export function encodePng({ width, height, data }: EncodedPixels): Buffer {
  const samples = data.length / (width * height);
  if (samples !== 1 && samples !== 3) {
    throw new Error(
      `${width} x ${height} pixels: ${data.length} bytes given; expected one or three for each`,
    );
  }
  const colorType = COLOURS[samples];
  const png = new PNG({ width: 1, height: 1 });
  const bytes = Buffer.from(data.buffer, data.byteOffset, data.length);
  // What goes in is what comes out: the packer takes samples of the file's own type as they are.
  const image = Object.assign(png, { width, height, data: bytes });
  return PNG.sync.write(image, { colorType, inputColorType: colorType, inputHasAlpha: false });
}
