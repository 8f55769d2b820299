/** Images to model input. */
export { readPixels, type Drawable } from './canvas';
export type { PixelImage, RgbImage } from './image';
export { fitImage, preprocess, type PreprocessOptions } from './preprocess';
export { resizeBicubic } from './resize_bicubic';
