/** tfjs-revcol/images: images to model input. Registers nothing. */
export * from '../public/images';
