/** What tfjs-revcol/convert exports: from checkpoints to saved tfjs models. */
export {
  architectureOf,
  type Architecture,
  type DetectorTensors,
  type SegmentationHeads,
} from '../convert/architecture';
export {
  convertCheckpoint,
  type ConvertOptions,
  type ConvertReport,
} from '../convert/convert_checkpoint';
export { filesSink, folderSink } from '../convert/model_sinks';
export type { WeightDType } from '../convert/quantize';
export type { ModelSink } from '../convert/shard_writer';
