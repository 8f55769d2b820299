/** Labelled pictures and other examples, as batches. */
export { imageFiles, type ImageFilesOptions, type LabelledFile } from './browser_files';
export type { ClassFolderOptions } from './class_folders';
export type {
  BatchDataset,
  BatchIterator,
  ClassificationData,
  LabelledTensors,
} from './classification_data';
export type { ExampleSource, SkippedExample } from './example_source';
export type { ClassLabels } from './labels';
export { preprocessingOf } from './model_input';
export {
  segmentationSource,
  type LabelMapOptions,
  type SegmentationExample,
  type LabelledRecipe,
  type SegmentationSource,
} from './segmentation_source';
export { tensorSource, type PixelArray, type TensorSourceOptions } from './tensor_source';
