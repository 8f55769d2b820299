/** What tfjs-revcol/weights exports: checkpoints in and out, and published weights. */
export { loadCheckpoint, type LoadOptions, type LoadReport } from '../weights/load_checkpoint';
export { saveCheckpoint, type SaveOptions } from '../weights/save_checkpoint';
export { openCheckpoint, type OpenOptions } from '../weights/open_checkpoint';
export type { Checkpoint } from '../weights/checkpoint';
export { CheckpointError } from '../weights/errors';
export type { ByteSource } from '../weights/bytes/byte_source';
export type { CheckpointSource } from '../weights/bytes/source';

// Published weights
export {
  detectionWeights,
  pretrainedWeights,
  segmentationWeights,
  textWeights,
} from '../registry/names';
export type { DetectionName, DetectionWeights } from '../registry/detection';
export type { SegmentationName, SegmentationWeights } from '../registry/segmentation';
export type { TextName, TextWeights } from '../registry/text';
export type { PretrainedName, PretrainedWeights, WeightSource } from '../registry/pretrained';
export {
  fetchPretrained,
  removePretrained,
  type Downloadable,
  type DownloadProgress,
  type FetchPretrainedOptions,
} from '../download/fetch_pretrained';
export { DownloadError, type DownloadErrorCode } from '../download/errors';
