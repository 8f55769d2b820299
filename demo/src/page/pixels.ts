/** Pictures on canvases, and back. */
import { picture, type Pictures } from '../shared/pictures';

/** Draws a picture of several onto a canvas, as large as that is. */
export function paint(canvas: HTMLCanvasElement, pictures: Pictures, index: number): void {
  const { side, channels } = pictures;
  const bytes = picture(pictures, index);
  const image = new ImageData(side, side);
  for (let i = 0; i < side * side; i++) {
    for (let c = 0; c < 3; c++)
      image.data[4 * i + c] = bytes[channels * i + (channels === 3 ? c : 0)] ?? 0;
    image.data[4 * i + 3] = 255;
  }
  const small = new OffscreenCanvas(side, side);
  small.getContext('2d')?.putImageData(image, 0, 0);
  const context = canvas.getContext('2d');
  context?.drawImage(small, 0, 0, canvas.width, canvas.height);
}

/** The middle square of something that can be drawn, as RGB bytes of `side` pixels. */
export function squareOf(
  source: CanvasImageSource,
  width: number,
  height: number,
  side: number,
): Uint8Array<ArrayBuffer> {
  const canvas = new OffscreenCanvas(side, side);
  const context = canvas.getContext('2d', { willReadFrequently: true });
  if (!context) throw new Error('This browser gives no canvas to read pictures with');
  context.imageSmoothingQuality = 'high';
  const short = Math.min(width, height);
  const [left, top] = [(width - short) / 2, (height - short) / 2];
  context.drawImage(source, left, top, short, short, 0, 0, side, side);
  const { data } = context.getImageData(0, 0, side, side);
  const bytes = new Uint8Array(3 * side * side);
  for (let i = 0; i < side * side; i++) {
    for (let c = 0; c < 3; c++) bytes[3 * i + c] = data[4 * i + c] as number;
  }
  return bytes;
}

/** One picture, of grey or RGB bytes. */
export function single(pixels: Uint8Array<ArrayBuffer>, side: number): Pictures {
  return { pixels, side, channels: pixels.length === side * side ? 1 : 3, labels: [0] };
}

/** What is for something is laid over a picture in orange, what is against it in blue. */
const [FOR, AGAINST] = [
  [255, 140, 0],
  [0, 120, 255],
] as const;

/** Most that a map covers of a picture. */
const COVER = 0.75;

/**
 * Lays a map over what a canvas shows.
 *
 * @param scale the value that is laid on thickest
 */
export function paintMap(
  canvas: HTMLCanvasElement,
  { map, height, width }: { map: readonly number[]; height: number; width: number },
  scale: number,
): void {
  const image = new ImageData(width, height);
  map.forEach((value, i) => {
    image.data.set(value > 0 ? FOR : AGAINST, 4 * i);
    image.data[4 * i + 3] = scale > 0 ? (255 * COVER * Math.abs(value)) / scale : 0;
  });
  const small = new OffscreenCanvas(width, height);
  small.getContext('2d')?.putImageData(image, 0, 0);
  const context = canvas.getContext('2d');
  if (!context) return;
  context.imageSmoothingQuality = 'high';
  context.drawImage(small, 0, 0, canvas.width, canvas.height);
}
