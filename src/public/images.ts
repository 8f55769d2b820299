/** What tfjs-revcol/images exports: images to model input. */
export {
  fitImage,
  preprocess,
  readPixels,
  type Drawable,
  type PixelImage,
  type PreprocessOptions,
  type RgbImage,
} from '../preprocessing/index';
