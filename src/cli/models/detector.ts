/** The model that `detect` uses: of a checkpoint, or a tfjs model in a folder. */
import { metadataOf } from '../../common/model_metadata';
import { detectorIn } from '../../convert/detector_plan';
import { createModel } from '../../models/create_model';
import type { DetectOptions } from '../../models/detect_options';
import { detectorParts } from '../../models/detector_parts';
import { COCO_CLASSES } from '../../registry/coco';
import type { Detector } from '../../registry/describe_detector';
import type { DetectionWeights } from '../../registry/detection';
import { detectionWeights } from '../../registry/names';
import type { Terminal } from '../base/terminal';
import { type CheckClasses, type DenseKind, loadDense, type LoadedDense } from './dense_kind';
import type { DenseOptions } from './dense_model';
import { findDetectorWeights } from './weights_source';

export type LoadedDetector = LoadedDense<DetectOptions>;

const DETECTOR: DenseKind<Detector, DetectionWeights, DetectOptions> = {
  kind: 'detector',
  command: 'detect',
  dataset: { name: 'COCO', classes: COCO_CLASSES.length },
  labels: { classes: true },
  recordOf: detectionWeights,
  findWeights: findDetectorWeights,
  networkIn: (part, name) => {
    const { detector, prefix } = detectorIn(part, name);
    return { network: detector, prefix };
  },
  build: (network, numClasses) => {
    const { columns, channels, depths, kernelSize, patchSize, topFusion } = network;
    const { pyramidChannels, hiddenChannels } = network;
    return createModel('cascade_mask_rcnn_revcol_tiny.coco', {
      columns,
      kernelSize,
      patchSize,
      topFusion,
      numClasses,
      pyramidChannels,
      hiddenChannels,
      channels: [...channels],
      depths: [...depths],
    });
  },
  classesOf: (file, model) => detectorParts(file, model).heads.units,
  sizesOf: (name, model, { wanted, record }) => {
    const { shortSide, longSide } = wanted ?? { ...record, ...metadataOf(model, name) };
    return { shortSide, longSide };
  },
};

/**
 * Loads the detector that `--weights` names.
 *
 * @param checkClasses called with the number of classes before weights are read
 * @throws {Error} when it is no detector of RGB images, or cannot be found or read, or weights are not finite
 */
export function loadDetector(
  options: DenseOptions,
  terminal: Terminal,
  checkClasses: CheckClasses,
): Promise<LoadedDetector> {
  return loadDense(DETECTOR, options, terminal, checkClasses);
}
