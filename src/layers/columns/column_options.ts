/** The options that all columns of a backbone share: defaults, checks, and their saved form. */
import type * as tf from '@tensorflow/tfjs-core';

import { requireInteger, requireOneOf, requireRate } from '../../common/arguments';
import type { OptionNames } from '../../common/options';
import { requireTemplates, serializeTemplate, type TemplateArg } from '../base/template';
import { requireLevels } from './column_arguments';

/** What all columns of a backbone share. */
export interface ColumnOptions {
  /** Channels per level, bottom first. At least 2 levels. Default [64, 128, 256, 512]. */
  channels?: number[];
  /** Blocks per level. Default [2, 2, 4, 2]. */
  depths?: number[];
  /** Side of the depthwise kernel of the built-in block, in pixels. Default 3. */
  kernelSize?: number;
  /** Stochastic depth, rising linearly to this rate over a column's blocks. Default 0. */
  dropPathRate?: number;
  /** Whether level 0 also sees the previous column's top level (the Huge variant). Default false. */
  topFusion?: boolean;
  /** Levels of equal size instead of a pyramid. Default: true unless the input is an image. */
  isotropic?: boolean;
  /**
   * Template of the block, or one per level: any layer that keeps its input's shape. Each block is
   * a fresh layer with the template's configuration. Default: `ConvNextBlock`.
   */
  block?: TemplateArg;
  /**
   * Template of the fusion, or one per level: any layer that takes [lower, upper] (and top, with
   * `topFusion`, at level 0) and gives the level's shape. Used where there is an upper operand;
   * elsewhere the built-in `LevelFusion` brings the lower one to size. Default: `LevelFusion`.
   */
  fusion?: TemplateArg;
  /** `'reversible'` (default) trains without stored activations, `'stored'` with the plain tape. */
  backprop?: 'reversible' | 'stored';
}

/** Their names. */
export const COLUMN_OPTIONS: OptionNames<ColumnOptions> = {
  channels: true,
  depths: true,
  kernelSize: true,
  dropPathRate: true,
  topFusion: true,
  isotropic: true,
  block: true,
  fusion: true,
  backprop: true,
};

/** Options with their defaults filled in. */
export type ResolvedOptions = Required<Omit<ColumnOptions, 'block' | 'fusion' | 'isotropic'>> &
  Pick<ColumnOptions, 'block' | 'fusion' | 'isotropic'>;

/**
 * Fills in defaults and checks everything that does not depend on the input.
 *
 * @param owner class name for the messages
 */
export function resolveOptions(owner: string, args: ColumnOptions): ResolvedOptions {
  const options: ResolvedOptions = {
    channels: args.channels ?? [64, 128, 256, 512],
    depths: args.depths ?? [2, 2, 4, 2],
    kernelSize: args.kernelSize ?? 3,
    dropPathRate: args.dropPathRate ?? 0,
    topFusion: args.topFusion ?? false,
    backprop: args.backprop ?? 'reversible',
    isotropic: args.isotropic ?? undefined,
    block: args.block ?? undefined,
    fusion: args.fusion ?? undefined,
  };
  checkColumnOptions(owner, options);
  return options;
}

/** The options as `getConfig` writes them. */
export function serializeOptions(options: ResolvedOptions): tf.serialization.ConfigDict {
  const { channels, depths, isotropic, block, fusion, ...rest } = options;
  return {
    ...rest,
    channels: [...channels],
    depths: [...depths],
    isotropic: isotropic ?? null,
    block: serializeTemplate(block),
    fusion: serializeTemplate(fusion),
  };
}

/** Stochastic depth rate of each block, `[level][block]`: linear over the column's blocks. */
export function dropRates(rate: number, depths: readonly number[]): number[][] {
  const total = depths.reduce((a, b) => a + b, 0);
  let index = 0;
  return depths.map((depth) =>
    Array.from({ length: depth }, () => (rate * index++) / Math.max(1, total - 1)),
  );
}

function checkColumnOptions(owner: string, options: ResolvedOptions): void {
  requireLevels(owner, options.channels, options.depths);
  requireInteger(owner, 'kernelSize', options.kernelSize, 1);
  requireRate(owner, 'dropPathRate', options.dropPathRate);
  requireOneOf(owner, 'backprop', options.backprop, ['reversible', 'stored']);
  for (const name of ['block', 'fusion'] as const) {
    const arg = options[name];
    if (Array.isArray(arg) && arg.length !== options.channels.length) {
      throw new Error(
        `${owner}: ${name} has ${arg.length} templates for ${options.channels.length} levels; give ` +
          `one for all, or one per level`,
      );
    }
    requireTemplates(owner, name, arg);
  }
}
