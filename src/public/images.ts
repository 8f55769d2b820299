/** What tfjs-revcol/images exports: images to model input, labelled pictures. */
export {
  fitImage,
  preprocess,
  readPixels,
  type Drawable,
  type PixelImage,
  type PreprocessOptions,
  type RgbImage,
} from '../preprocessing/index';

export type { LabelMap } from '../preprocessing/label_map';
export { IMAGENET_MEAN, IMAGENET_STD } from '../registry/imagenet_statistics';

// Labelled examples
export {
  imageFiles,
  preprocessingOf,
  segmentationSource,
  tensorSource,
  type BatchDataset,
  type BatchIterator,
  type ClassFolderOptions,
  type ClassificationData,
  type ExampleSource,
  type ImageFilesOptions,
  type LabelledFile,
  type LabelMapOptions,
  type LabelledTensors,
  type ClassLabels,
  type PixelArray,
  type SegmentationExample,
  type LabelledRecipe,
  type SegmentationSource,
  type SkippedExample,
  type TensorSourceOptions,
} from '../data/index';

// Objects in pictures
export {
  decodeMask,
  encodeMask,
  maskArea,
  maskBox,
  maskIoU,
  mergeMasks,
  polygonMask,
} from '../coco/masks';
export type { BinaryMask, CocoSegmentation, RunLengths } from '../coco/run_lengths';
export type { CocoBox } from '../coco/runs';
export {
  type CocoAnnotation,
  type CocoCategory,
  type CocoDataset,
  type CocoImage,
  parseCoco,
} from '../coco/dataset';
export { type CocoResult, parseCocoResults } from '../coco/results';
export { cocoResults, type FoundInPicture } from '../coco/write_results';
export type { PictureObjects } from '../coco/picture_objects';
export { type CocoSource, cocoSource, type CocoSourceOptions } from '../data/coco_source';
export type { ObjectSource } from '../data/object_source';
