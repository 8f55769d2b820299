/** The options that all columns of a backbone share: defaults, checks, and their saved form. */
import type * as tf from '@tensorflow/tfjs-core';

import { requireInteger, requireOneOf, requireRate } from '../../common/arguments';
import type { OptionNames } from '../../common/options';
import {
  type LayerOrConfig,
  requireTemplates,
  serializeTemplate,
  type TemplateArg,
  templateOf,
} from '../base/template';
import { requireLevels, requireOneWidth } from './column_arguments';
import { FUSION_PATHS, type FusionPaths, isFusionPaths } from './fusion_paths';

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
   * What a level does with what it reads of other levels. `'linear'` (default): `LevelFusion` of the paper
   * (section 2.2, figure 2c), linear layers (between levels of a pyramid convolutions) and LayerNorms.
   * `'norm'`: LayerNorms alone, for isotropic levels of one width; weights have the same names, without
   * kernels and biases.
   *
   * Or a template of the fusion, or one per level: any layer that takes [lower, upper] (and top, with
   * `topFusion`, at level 0) and gives the level's shape. Used where there is an upper operand;
   * elsewhere `LevelFusion` of the paper brings the lower one to size.
   */
  fusion?: FusionPaths | TemplateArg;
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
    // As files of versions without the word say it.
    fusion: args.fusion === 'linear' ? undefined : (args.fusion ?? undefined),
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
    fusion: isFusionPaths(fusion) ? fusion : serializeTemplate(fusion),
  };
}

/** The template of a level's block or fusion; none for a built-in one. */
export function levelTemplate(
  options: ResolvedOptions,
  role: 'block' | 'fusion',
  level: number,
): LayerOrConfig | undefined {
  const arg = options[role];
  return isFusionPaths(arg) ? undefined : templateOf(arg, level);
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
    if (name === 'fusion' && isFusionPaths(arg)) {
      requireOneOf(owner, name, arg, FUSION_PATHS);
      requireOneWidth(owner, options.channels);
      continue;
    }
    if (Array.isArray(arg) && arg.length !== options.channels.length) {
      throw new Error(
        `${owner}: ${name} has ${arg.length} templates for ${options.channels.length} levels; give ` +
          `one for all, or one per level`,
      );
    }
    requireTemplates(owner, name, arg);
  }
}
