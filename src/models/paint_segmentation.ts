/** Segmentations as pictures. */
import { requireArgument, requireRanges, shown } from '../common/arguments';
import { type PixelImage, toRgb } from '../preprocessing/image';
import type { Segmentation } from './segment';

/**
 * A segmentation as a picture: each class in its colour, over the image if that is given.
 *
 * @param segmentation what `segment` gives
 * @param image the pixels that it is of, of the same size. Default: none
 * @param opacity of the colours over the image, from 0 to 1. Default 0.5
 * @throws {Error} when the image is of another size, or the opacity out of range
 */
export function paintSegmentation(
  segmentation: Segmentation,
  image?: PixelImage,
  opacity = 0.5,
): PixelImage {
  const given: Partial<Segmentation> | null | undefined = segmentation;
  const fits = given?.map !== undefined && Array.isArray(given.palette);
  const what = 'what segment gives';
  requireArgument('paintSegmentation', 'segmentation', given, fits, what);
  const { width, height, map, palette } = segmentation;
  requireRanges('paintSegmentation', [
    ['opacity', opacity, opacity >= 0 && opacity <= 1, 'from 0 to 1'],
  ]);
  const below = image === undefined ? null : toRgb(image);
  if (below && (below.width !== width || below.height !== height)) {
    throw new Error(
      `paintSegmentation: image is ${below.width} x ${below.height} pixels, the segmentation ${width} x ` +
        `${height}; expected one size`,
    );
  }
  const data = new Uint8Array(3 * map.length);
  const share = below ? opacity : 1;
  for (const [i, index] of map.entries()) {
    const colour = palette[index];
    if (!colour) throw new Error(`paintSegmentation: palette has no class ${shown(index)}`);
    for (let c = 0; c < 3; c++) {
      const under = below ? (below.data[3 * i + c] as number) : 0;
      data[3 * i + c] = Math.round(share * (colour[c] as number) + (1 - share) * under);
    }
  }
  return { width, height, data };
}
