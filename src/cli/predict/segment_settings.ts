/** How pictures are segmented: the options that `segment` and `evaluate` share. */
import { type Command, InvalidArgumentError, Option } from 'commander';

import type { SegmentOptions } from '../../models/segment_options';
import { integer } from '../base/options';
import type { LoadedSegmenter } from '../models/segmenter';

/** What the options say. */
export interface SegmentingChoice {
  mode: 'whole' | 'slide';
  scales: number[];
  flip?: boolean;
  window?: number;
  shortSide?: number;
}

/** Adds the options. */
export function addSegmentingOptions(command: Command): Command {
  return command
    .addOption(
      new Option('--mode <mode>', 'the image at once, or windows that slide over it')
        .choices(['whole', 'slide'])
        .default('whole'),
    )
    .option('--scales <factors>', 'sizes whose results are averaged, e.g. 1,1.25', factors, [1])
    .option('--flip', 'also look at each image mirrored, and average')
    .option(
      '--window <pixels>',
      'side of the windows of --mode slide; default: as published or trained, else 512',
      integer(1),
    )
    .option(
      '--short-side <pixels>',
      'resize the shorter side to this before; default: as published, else images keep their size',
      integer(1),
    );
}

/** Factors on the size, with commas between. */
function factors(text: string): number[] {
  const values = text.split(',').map((part) => (part.trim() === '' ? NaN : Number(part)));
  if (values.every((value) => Number.isFinite(value) && value > 0)) return values;
  throw new InvalidArgumentError('expected factors above 0, such as 0.75,1,1.25.');
}

/**
 * Asserts that a side of windows is given where there are some.
 *
 * @throws {Error} when the image is looked at as a whole
 */
export function requireWindowsFor(mode: SegmentingChoice['mode'], window?: number): void {
  if (window === undefined || mode === 'slide') return;
  throw new Error(
    `--window ${window} is the side of windows that slide; add --mode slide, or leave --window out`,
  );
}

/**
 * What the options say, else what the weights bring along.
 *
 * @throws {Error} when a model of one size alone is to look at others
 */
export function segmentingSettings(
  { settings, fixedSize }: LoadedSegmenter,
  { mode, scales, flip, window, shortSide }: SegmentingChoice,
): SegmentOptions {
  const own = window === undefined ? {} : { inputSize: [window, window] as const };
  const { slideStride, ...others } = settings;
  const given: SegmentOptions = {
    ...others,
    ...(window === undefined && slideStride !== undefined ? { slideStride } : {}),
    mode,
    scales,
    flip: flip ?? false,
    ...own,
    ...(shortSide === undefined ? {} : { shortSide }),
  };
  if (!fixedSize) return given;
  const size = fixedSize.join(' x ');
  if (mode !== 'slide') {
    throw new Error(`the model takes images of ${size} pixels alone; give --mode slide`);
  }
  if (window !== undefined && fixedSize.some((side) => side !== window)) {
    throw new Error(`the model takes windows of ${size} pixels alone; leave --window out`);
  }
  // Smaller images than a window could not be looked at.
  return {
    ...given,
    inputSize: fixedSize,
    slideStride: undefined,
    shortSide: shortSide ?? Math.max(...fixedSize),
  };
}
