/** The projections of layers whose kernels may be changed by something of low rank. */
import type * as tfl from '@tensorflow/tfjs-layers';

import { changeKernel, type LowRank } from '../../ops/low_rank';
import type { LayerWithParts, PartTree } from './frozen_parts';
import { isOwn } from './own_classes';
import { changeStock, stockKernel } from './stock_projections';

type Layer = tfl.layers.Layer;

/** What a projection is part of. */
export type ProjectionKind = 'pointwise' | 'fusion' | 'attention' | 'dense' | 'conv';

/** A layer that says which of its kernels are projections, by their names without `/kernel`. */
export interface ProjectingLayer extends LayerWithParts {
  readonly projections: Readonly<Record<string, ProjectionKind>>;
}

/** A kernel seen as a matrix, and the layer that multiplies by it. */
export interface Projection {
  /** Path within the model, such as `'backbone/column-0/level-1/block-0/expand'`. */
  readonly path: string;
  readonly kind: ProjectionKind;
  readonly layer: Layer;
  readonly kernel: tfl.LayerVariable;
  readonly inputs: number;
  readonly outputs: number;
}

/** All projections of a model, in the order of its layers. */
export function projectionsIn(tree: PartTree): Projection[] {
  const { layer, path, parts } = tree;
  return [...projectionsOf(layer, path), ...parts.flatMap(projectionsIn)];
}

function projectionsOf(layer: Layer, path: string): Projection[] {
  const { projections, namedWeights } = layer as Layer & Partial<ProjectingLayer>;
  if (projections && namedWeights && isOwn(layer)) {
    const kernels = new Map(namedWeights);
    return Object.entries(projections).flatMap(([name, kind]) => {
      const kernel = kernels.get(`${name}/kernel`);
      if (!kernel) return [];
      const part = `${path}/${name.replace(/_/g, '-')}`;
      return [
        { path: part, kind, layer, kernel, ...matrixOf(kernel, /(query|key|value)$/.test(name)) },
      ];
    });
  }
  const kernel = stockKernel(layer);
  if (!kernel) return [];
  const kind = layer.getClassName() === 'Dense' ? 'dense' : 'conv';
  return [{ path, kind, layer, kernel, ...matrixOf(kernel, false) }];
}

/** @param splits whether the output's axes are several: the heads of an attention */
function matrixOf(
  { shape }: tfl.LayerVariable,
  splits: boolean,
): Pick<Projection, 'inputs' | 'outputs'> {
  const sizes = shape as number[];
  const inputAxes = splits ? 1 : sizes.length - 1;
  const product = (list: number[]) => list.reduce((a, b) => a * b, 1);
  return { inputs: product(sizes.slice(0, inputAxes)), outputs: product(sizes.slice(inputAxes)) };
}

/** Adds a change to a projection's kernel, or takes it away: null. */
export function changeProjection({ layer, kernel }: Projection, change: LowRank | null): void {
  changeKernel(kernel['val'], change);
  if (stockKernel(layer)) changeStock(layer, change);
}
