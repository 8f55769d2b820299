/** PNG files of label maps to class numbers: the samples as they are stored, never as colours. */
import { PNG } from 'pngjs';

import { messageOf } from '../common/messages';
import type { LabelMap } from '../preprocessing/label_map';
import { checkPng, isPalette, isPng, paletteChunk, type PngHeader } from './png_file';

/** Colour types whose samples can be class numbers. */
const GREY = 0;
const PALETTE = 3;

/** A palette whose colours are their own numbers. */
const NUMBERS = Uint8Array.from({ length: 3 * 256 }, (_, i) => Math.floor(i / 3));

/**
 * Decodes a label map: a grey PNG of 1 to 16 bits, whose samples are the numbers of the classes, or one with a palette,
 * as of PASCAL VOC, whose indices are; its colours do not matter.
 *
 * @param file used in messages
 * @throws {Error} when it is no PNG file, is one of colours or with transparency, is damaged or cut short, or holds
 *   more than 200 megapixels
 */
export async function decodeLabelMap(bytes: Uint8Array, file: string): Promise<LabelMap> {
  if (bytes.length === 0) throw new Error(`${file}: the file is empty`);
  if (!isPng(bytes)) {
    throw new Error(
      `${file}: is no PNG file, which label maps must be: of another kind, such as JPEG, the numbers of the classes ` +
        'do not come back as they were',
    );
  }
  try {
    const { header, pieces } = await checkPng(bytes);
    requireNumbers(header);
    const numbered = pieces.map((piece) => (isPalette(piece) ? paletteChunk(NUMBERS) : piece));
    // What is left out of the types: with it, samples stay as they are.
    const { width, height, data } = PNG.sync.read(Buffer.concat(numbered), {
      skipRescale: true,
    }) as { width: number; height: number; data: Uint8Array | Uint16Array };
    const kind = header.depth === 16 ? Uint16Array : Uint8Array;
    const labels = new kind(width * height);
    for (let i = 0; i < labels.length; i++) labels[i] = data[4 * i] as number;
    return { width, height, data: labels };
  } catch (error) {
    throw new Error(`${file}: cannot be read as a label map: ${messageOf(error)}`, {
      cause: error,
    });
  }
}

function requireNumbers({ colour, depth }: PngHeader): void {
  if (colour === GREY || colour === PALETTE) return;
  const what = colour === 4 ? 'grey with transparency' : 'of colours';
  throw new Error(
    `it is ${what}, ${depth} bits a sample; expected grey or a palette, whose numbers are the classes`,
  );
}
