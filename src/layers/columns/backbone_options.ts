/** The options of a backbone that its columns do not share: defaults, checks, and their saved form. */
import type * as tf from '@tensorflow/tfjs-core';

import { requireInteger } from '../../common/arguments';
import type { AnchorSpacing } from '../../ops/reversible/anchors';
import type { LayerArgs, LayerOptionNames } from '../base/checked_layer';
import { type LayerOrConfig, requireTemplate } from '../base/template';
import { type BackboneOutput, requireOutput, requireOutputLevels } from './backbone_output';
import { requireSpacing } from './column_arguments';
import { COLUMN_OPTIONS, type ColumnOptions } from './column_options';
import { type PixelOptions, plainNumbers, requirePixels, serializePixels } from './pixels';

/** Arguments of `RevColBackbone`. */
export type RevColBackboneArgs = LayerArgs &
  ColumnOptions &
  PixelOptions & {
    /** Number of columns, from 1. Default 4. */
    columns?: number;
    /** Side and stride of the stem's patches, in pixels. Small images want 1 or 2. Default 4. */
    patchSize?: number;
    /**
     * Template of the stem: any layer that gives `[batch, ..., channels[0]]`. Default: `RevColStem`.
     */
    stem?: LayerOrConfig;
    /**
     * `'last'` (default): the last column's top level; `'pyramid'`: all its levels, bottom first;
     * `'columns'`: every column's top level, first column first; a list of column numbers, ascending
     * from 0: the top levels of those columns.
     */
    output?: BackboneOutput;
    /**
     * With `output: 'pyramid'`: the levels that leave the backbone, ascending from 0 (timm's
     * `out_indices`). `featureInfo` tells what each is. Default: all.
     */
    levels?: number[];
    /**
     * Columns between two anchors (exact features kept to stop rounding errors from growing), or
     * `'auto'` (default): as many as the alphas call for. `Infinity` keeps none.
     */
    anchorEvery?: AnchorSpacing;
  };

/** The names of the options. */
export const BACKBONE_OPTIONS = {
  ...COLUMN_OPTIONS,
  columns: true,
  patchSize: true,
  stem: true,
  output: true,
  levels: true,
  anchorEvery: true,
  pixelMean: true,
  pixelStd: true,
} satisfies LayerOptionNames<RevColBackboneArgs>;

/** Options with their defaults filled in; those of the columns and the stem apart. */
export type BackboneOptions = PixelOptions &
  Pick<RevColBackboneArgs, 'levels'> &
  Required<Pick<RevColBackboneArgs, 'columns' | 'patchSize' | 'output' | 'anchorEvery'>>;

/**
 * Fills in defaults and checks everything that does not depend on the input.
 *
 * @param owner class name for the messages
 * @param channels those of the levels
 */
export function resolveBackbone(
  owner: string,
  args: RevColBackboneArgs,
  channels: readonly number[],
): BackboneOptions {
  const options: BackboneOptions = {
    columns: args.columns ?? 4,
    patchSize: args.patchSize ?? 4,
    output: args.output ?? 'last',
    // JSON has no Infinity: a saved configuration holds the word, in lower case as tfjs writes it.
    anchorEvery:
      String(args.anchorEvery).toLowerCase() === 'infinity'
        ? Infinity
        : (args.anchorEvery ?? 'auto'),
    levels: args.levels ?? undefined,
    pixelMean: plainNumbers(args.pixelMean),
    pixelStd: plainNumbers(args.pixelStd),
  };
  if (args.stem != null) requireTemplate(owner, 'stem', args.stem);
  requireInteger(owner, 'columns', options.columns, 1);
  requireInteger(owner, 'patchSize', options.patchSize, 1);
  requireOutput(owner, options.output, options.columns);
  requireOutputLevels(owner, options.levels, options.output, channels.length);
  requireSpacing(owner, options.anchorEvery);
  requirePixels(owner, options);
  return options;
}

/** The options as `getConfig` writes them. */
export function serializeBackbone(options: BackboneOptions): tf.serialization.ConfigDict {
  const { columns, patchSize, output, levels, anchorEvery } = options;
  return {
    columns,
    patchSize,
    output: Array.isArray(output) ? [...output] : output,
    levels: levels ? [...levels] : null,
    anchorEvery: anchorEvery === Infinity ? 'infinity' : anchorEvery,
    ...serializePixels(options),
  };
}
