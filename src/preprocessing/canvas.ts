/** Pixels of what a web page can draw. */
import type { PixelImage } from './image';

/** Anything a canvas can draw that knows its own size. */
export type Drawable =
  ImageBitmap | HTMLImageElement | HTMLVideoElement | HTMLCanvasElement | OffscreenCanvas;

/**
 * Reads the pixels of an image, video frame or canvas at their own size, without the browser's
 * resizing, whose filter is nobody's to know.
 *
 * @throws {Error} when there is no canvas (Node), or the image has not loaded
 * @throws {DOMException} 'SecurityError' when it is of another origin, served without CORS headers
 */
export function readPixels(source: Drawable): PixelImage {
  if (typeof OffscreenCanvas === 'undefined') {
    throw new Error(
      'readPixels: needs OffscreenCanvas; in Node decode the file with a library (@jsquash/jpeg, pngjs) ' +
        'and pass { width, height, data }',
    );
  }
  const [width, height] = sizeOf(source);
  if (width === 0 || height === 0) {
    throw new Error('readPixels: the image has no pixels yet; wait until it has loaded');
  }
  const context = new OffscreenCanvas(width, height).getContext('2d', { willReadFrequently: true });
  if (!context)
    throw new Error(`readPixels: cannot get a 2d canvas of ${width} x ${height} pixels`);
  context.drawImage(source, 0, 0);
  return context.getImageData(0, 0, width, height);
}

function sizeOf(source: Drawable): [width: number, height: number] {
  if ('naturalWidth' in source) return [source.naturalWidth, source.naturalHeight];
  if ('videoWidth' in source) return [source.videoWidth, source.videoHeight];
  return [source.width, source.height];
}
