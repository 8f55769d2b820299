/** Detections as pictures. */
import { requireArgument, requireRanges } from '../common/arguments';
import { type PixelImage, toRgb } from '../preprocessing/image';
import type { Detections } from './detect';
import { type Colour, colourOf } from './segment_options';

/**
 * A picture with the objects that were found in it: masks in the colour of their class, boxes around them. The surest
 * objects are on top.
 *
 * @param detections what `detect` gives
 * @param image the pixels that they are of, of the same size
 * @param opacity of the masks over the picture, from 0 to 1. Default 0.5
 * @throws {Error} when the image is of another size, or the opacity out of range
 */
export function paintDetections(
  detections: Detections,
  image: PixelImage,
  opacity = 0.5,
): PixelImage {
  const owner = 'paintDetections';
  const given: Partial<Detections> | null | undefined = detections;
  const fits = Array.isArray(given?.objects) && given.width !== undefined;
  requireArgument(owner, 'detections', given, fits, 'what detect gives');
  requireRanges(owner, [['opacity', opacity, opacity >= 0 && opacity <= 1, 'from 0 to 1']]);
  const { width, height, objects } = detections;
  const below = toRgb(image);
  if (below.width !== width || below.height !== height) {
    throw new Error(
      `${owner}: image is ${below.width} x ${below.height} pixels, the detections are of ${width} x ${height}; ` +
        'expected one size',
    );
  }
  const data = Uint8Array.from(below.data);
  // A pixel's width at 400 pixels, more on larger pictures.
  const line = Math.max(1, Math.round(Math.max(width, height) / 400));
  for (const { box, label, mask } of [...objects].reverse()) {
    const colour = colourOf(label);
    mask?.forEach((isObject, pixel) => {
      if (isObject) paint(data, pixel, colour, opacity);
    });
    for (const pixel of frame(box, [height, width], line)) paint(data, pixel, colour, 1);
  }
  return { width, height, data };
}

function paint(data: Uint8Array, pixel: number, colour: Colour, share: number): void {
  for (const c of [0, 1, 2] as const) {
    const under = data[3 * pixel + c] as number;
    data[3 * pixel + c] = Math.round(share * colour[c] + (1 - share) * under);
  }
}

/** Pixels of the edges of a box, `line` wide, inside of it and of the picture. */
function frame(
  [x1, y1, x2, y2]: readonly [number, number, number, number],
  [height, width]: readonly [number, number],
  line: number,
): number[] {
  const within = (value: number, side: number) => Math.min(side - 1, Math.max(0, value));
  const [left, right] = [within(Math.floor(x1), width), within(Math.ceil(x2) - 1, width)];
  const [top, bottom] = [within(Math.floor(y1), height), within(Math.ceil(y2) - 1, height)];
  const pixels: number[] = [];
  for (let y = top; y <= bottom; y++) {
    const isRow = y < top + line || y > bottom - line;
    for (let x = left; x <= right; x++) {
      if (isRow || x < left + line || x > right - line) pixels.push(y * width + x);
    }
  }
  return pixels;
}
