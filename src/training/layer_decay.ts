/** Learning rates that fall from layer to layer, as parameter groups of a RevCol model. */
import type * as tfl from '@tensorflow/tfjs-layers';

import { requireModel, requireOneOf, shown } from '../common/arguments';
import { type OptionNames, requireOptions } from '../common/options';
import { modelWeights } from '../weights/names/model_weights';
import type { ParameterGroup } from './parameter_groups';

/** Options of `layerDecayGroups`. */
export interface LayerDecayOptions {
  /** Factor of the learning rate from one layer to the one below it, in (0, 1]. Default 0.9. */
  layerDecay?: number;
  /**
   * Weight decay of kernels, and of alphas where `task` says so; biases, norms and layer scales have
   * none. Default 0.05.
   */
  weightDecay?: number;
  /**
   * Which of the published forms: alphas decay in classification, and do not in segmentation and
   * detection, whose code leaves them out by name. Default `'classification'`.
   */
  task?: Task;
}

type Task = 'classification' | 'segmentation' | 'detection';

const TASKS: readonly Task[] = ['classification', 'segmentation', 'detection'];

const OPTIONS: OptionNames<LayerDecayOptions> = {
  layerDecay: true,
  weightDecay: true,
  task: true,
};

/**
 * Learning rates that fall from the classifier down to the stem, as the published fine-tuning has
 * them, for `AdamW`. The stem is layer 0; a block's layer counts its column and the blocks below it
 * in the column; heads and image decoders are the top layer.
 *
 * @param model a RevCol classifier, such as `createModel` gives, or a model with a RevCol backbone; other
 *   layers of it get no group: they have the optimizer's own rate, that of the top layer, and its decay
 * @returns one group per weight
 * @throws {Error} when an option is out of range, or the model has no RevCol weights
 */
export function layerDecayGroups(
  model: tfl.LayersModel,
  options: LayerDecayOptions = {},
): ParameterGroup[] {
  requireOptions('layerDecayGroups', options, OPTIONS);
  const { layerDecay = 0.9, weightDecay = 0.05, task = 'classification' } = options;
  requireOneOf('layerDecayGroups', 'task', task, TASKS);
  if (!(layerDecay > 0 && layerDecay <= 1)) {
    throw new Error(
      `layerDecayGroups: layerDecay is ${shown(layerDecay)}; expected a number in (0, 1]`,
    );
  }
  if (!(weightDecay >= 0)) {
    throw new Error(
      `layerDecayGroups: weightDecay is ${shown(weightDecay)}; expected a number from 0`,
    );
  }
  requireModel('layerDecayGroups', model);
  const { mapped } = modelWeights(model);
  const places = [...mapped.keys()].map(placeOf);
  const columns = 1 + Math.max(...places.map((p) => p?.column ?? -1));
  if (!(columns >= 1)) {
    throw new Error(
      `layerDecayGroups: ${model.name} has no weights of RevCol columns; expected a model such as ` +
        `createModel gives`,
    );
  }
  const depths = depthsOf([...mapped.keys()]);
  const below = (level: number) => depths.slice(0, level).reduce((a, b) => a + b, 0);
  const top = columns + below(depths.length);
  return [...mapped].map(([published, { variable, publishedShape }], i) => {
    const place = places[i];
    const inColumn = place && 1 + place.column + below(place.level) + place.block;
    const layer = inColumn ?? (published.startsWith('stem.') ? 0 : top);
    return {
      // tfjs puts a number after names that are taken, another one in every process.
      names: `^${variable.originalName.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')}(?:_\\d+)?$`,
      learningRateScale: layerDecay ** (top - layer),
      weightDecay: decays(published, publishedShape, task) ? weightDecay : 0,
    };
  });
}

/** Whether the published training of a task lets a weight decay. */
function decays(published: string, { length }: readonly number[], task: Task): boolean {
  return length > 1 && (task === 'classification' || !/\.alpha\d+$/.test(published));
}

/** Where in the columns a weight is. */
interface Place {
  column: number;
  level: number;
  block: number;
}

/** A fusion counts with its level's first block, and alphas with the column's. */
function placeOf(published: string): Place | undefined {
  const found = /^subnet(\d+)\.(?:alpha\d+$|level(\d+)\.(?:blocks\.(\d+)\.)?)/.exec(published);
  if (!found) return undefined;
  const [, column, level = 0, block = 0] = found;
  return { column: Number(column), level: Number(level), block: Number(block) };
}

/** Blocks per level. */
function depthsOf(published: readonly string[]): number[] {
  const depths: number[] = [];
  for (const name of published) {
    const level = placeOf(name)?.level;
    if (level == null) continue;
    const block = /\.blocks\.(\d+)\./.exec(name)?.[1];
    depths[level] = Math.max(depths[level] ?? 0, block == null ? 0 : 1 + Number(block));
  }
  return depths;
}
