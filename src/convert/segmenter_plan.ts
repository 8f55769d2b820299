/** Which segmenter a checkpoint holds: looked at as a whole before any of it is allocated. */
import { describeSegmenter, POOL_SCALES, type Segmenter } from '../registry/describe_segmenter';
import type { Checkpoint } from '../weights/checkpoint';
import { CheckpointError } from '../weights/errors';
import { withoutPrefix, withoutSupervision } from '../weights/names/published_names';
import { architectureOf } from './architecture';
import { plannedWeights } from './convert_checkpoint';

/**
 * The segmenter of a checkpoint in the published names, for inference: without the auxiliary head.
 *
 * @param name of the file, for messages
 * @returns it, and what stands before the names of its backbone's tensors
 * @throws {CheckpointError} 'mismatch' when the file is of no RevCol, of a classifier, a detector or a bare backbone, has a
 *   head that is no UPerNet's or pools to other grids than the published ones, or when a weight is missing or
 *   has another shape than its neighbours
 */
export function segmenterIn(
  checkpoint: Checkpoint,
  name: string,
): { segmenter: Segmenter; prefix: string } {
  const { numClasses, segmentation, detection, prefix, ...architecture } = architectureOf(
    checkpoint.entries,
  );
  const mismatch = (text: string) => new CheckpointError('mismatch', `${name} ${text}`);
  if (!segmentation) {
    const expected = 'expected a segmenter, with the tensors decode_head....';
    throw mismatch(
      detection
        ? `is a detector, which the command detect takes; ${expected}`
        : numClasses === undefined
          ? `is a backbone without a head; ${expected}`
          : `is a classifier of ${numClasses} classes; ${expected} What pictures show as a whole, classify tells`,
    );
  }
  const { head, numClasses: classes, headChannels, poolings } = segmentation;
  if (head !== 'upernet' || classes === undefined || headChannels === undefined) {
    throw mismatch(
      "has a head that is not UPerNet's; expected decode_head.psp_modules, decode_head.fpn_bottleneck " +
        'and decode_head.conv_seg',
    );
  }
  if (poolings !== POOL_SCALES.length) {
    throw mismatch(
      `pools to ${poolings} grids, whose sides no tensor tells; those of a published head are ` +
        `${POOL_SCALES.join(', ')}. Build it with poolScales in a program, load the file, save the model, and ` +
        'give its folder',
    );
  }
  const segmenter: Segmenter = {
    ...architecture,
    numClasses: classes,
    headChannels,
    poolScales: POOL_SCALES,
    auxiliaryChannels: null,
  };
  const published = withoutPrefix([...checkpoint.entries.keys()], prefix);
  plannedWeights(describeSegmenter(segmenter), withoutSupervision(published), checkpoint);
  return { segmenter, prefix };
}
