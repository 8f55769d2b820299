/** Learning rates that fall from the head down, of any model. */
import type * as tfl from '@tensorflow/tfjs-layers';

import { RevColBackbone } from '../../layers/columns/rev_col_backbone';
import { layerDecayGroups } from '../../training/layer_decay';
import type { ParameterGroup } from '../../training/parameter_groups';

/** Layers over which the rate falls at most: below, a deep model would not learn at all. */
const MOST_LAYERS = 12;

/** What a model is trained for. */
export type TrainedTask = 'classification' | 'segmentation' | 'detection';

/** What the groups go by. */
export interface RateOptions {
  readonly layerDecay: number;
  readonly weightDecay: number;
  readonly task: TrainedTask;
}

/**
 * Parameter groups with rates that fall from layer to layer: of a RevCol classifier as published, of others
 * by the order of their layers, of which many fall together as twelve.
 */
export function rateGroups(
  model: tfl.LayersModel,
  { layerDecay, weightDecay, task }: RateOptions,
): ParameterGroup[] {
  // Of segmenters and detectors alphas do not decay, whatever the rates.
  if (layerDecay === 1 && task === 'classification') return [];
  const layers = model.layers.filter((layer) => layer.weights.length > 0);
  const backbones = layers.filter((layer) => layer instanceof RevColBackbone);
  if (backbones.length === 1 && hasConvolutions(backbones[0] as tfl.layers.Layer)) {
    return layerDecayGroups(model, { layerDecay, weightDecay, task });
  }
  if (layerDecay === 1) return [];
  const top = layers.length - 1;
  const pace = Math.min(1, MOST_LAYERS / Math.max(1, top));
  return layers.flatMap((layer, i) =>
    [...new Set(layer.weights)].map((weight) => ({
      names: `^${escaped(weight.originalName)}(?:_\\d+)?$`,
      learningRateScale: layerDecay ** (pace * (top - i)),
    })),
  );
}

/** Whether its blocks are the published ones. */
function hasConvolutions({ weights }: tfl.layers.Layer): boolean {
  return weights.some(({ originalName }) => /\/depthwise\//.test(originalName));
}

function escaped(name: string): string {
  return name.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
}
