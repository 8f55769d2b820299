/** Which detector a checkpoint holds: looked at as a whole before any of it is allocated. */
import { CASCADE_SCALES } from '../layers/detection/cascade_head';
import { describeDetector, type Detector } from '../registry/describe_detector';
import type { Checkpoint } from '../weights/checkpoint';
import { CheckpointError } from '../weights/errors';
import { withoutPrefix, withoutSupervision } from '../weights/names/published_names';
import { architectureOf } from './architecture';
import { plannedWeights } from './convert_checkpoint';

/** Anchors at each place that published detectors have. */
const ANCHORS = 3;

/**
 * The detector of a checkpoint in the published names.
 *
 * @param name of the file, for messages
 * @returns it, and what stands before the names of its backbone's tensors
 * @throws {CheckpointError} 'mismatch' when the file is of no RevCol, of a classifier, a segmenter or a bare backbone,
 *   has heads that are no Cascade Mask R-CNN's, or other numbers of heads or anchors than the published ones, or when
 *   a weight is missing or has another shape than its neighbours
 */
export function detectorIn(
  checkpoint: Checkpoint,
  name: string,
): { detector: Detector; prefix: string } {
  const { numClasses, segmentation, detection, prefix, ...architecture } = architectureOf(
    checkpoint.entries,
  );
  const mismatch = (text: string) => new CheckpointError('mismatch', `${name} ${text}`);
  if (!detection) {
    const kind = segmentation
      ? 'a segmenter, which the command segment takes'
      : numClasses === undefined
        ? 'a backbone without a head'
        : `a classifier of ${numClasses} classes`;
    throw mismatch(
      `is ${kind}; expected a detector, with the tensors neck..., rpn_head... and roi_head...`,
    );
  }
  const {
    numClasses: classes,
    pyramidChannels,
    hiddenChannels,
    anchors,
    heads,
    hasMasks,
  } = detection;
  if (
    classes === undefined ||
    pyramidChannels === undefined ||
    hiddenChannels === undefined ||
    !hasMasks
  ) {
    throw mismatch(
      "has heads that are not a Cascade Mask R-CNN's; expected roi_head.bbox_head.0 to .2 and as many " +
        'roi_head.mask_head',
    );
  }
  if (heads !== CASCADE_SCALES.length || anchors !== ANCHORS) {
    throw mismatch(
      `has ${heads} heads and ${anchors ?? 'an unknown number of'} anchors, whose settings no tensor tells; ` +
        `those of published detectors have ${CASCADE_SCALES.length} and ${ANCHORS}. Build it with deltaScales and ` +
        'anchorScales in a program, load the file, save the model, and give its folder',
    );
  }
  const detector: Detector = {
    ...architecture,
    numClasses: classes,
    pyramidChannels,
    hiddenChannels,
    anchors,
    heads,
  };
  const published = withoutPrefix([...checkpoint.entries.keys()], prefix);
  plannedWeights(describeDetector(detector), withoutSupervision(published), checkpoint);
  return { detector, prefix };
}
