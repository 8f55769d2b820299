/** Images to model input. */
export { readPixels, type Drawable } from './canvas';
export { fitImage, type PreprocessOptions } from './fit_image';
export type { PixelImage, RgbImage } from './image';
export { preprocess } from './preprocess';
export { resizeBicubic } from './resize_bicubic';
