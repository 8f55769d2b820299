/** Whether a copy of a template fits its place in a column: what it takes, and what it gives. */
import * as tfl from '@tensorflow/tfjs-layers';

import { show } from '../../common/arguments';
import { oneOrAll } from '../base/inputs';
import { kindOf } from '../base/own_classes';
import type { TemplateArg } from '../base/template';
import { sameShape } from './level_shapes';

type Layer = tfl.layers.Layer;

/** Where a copy of a template is to be. */
export interface TemplatePlace {
  role: 'block' | 'fusion';
  /** Path within the column, as `level_1/block_0`. */
  path: string;
  /** What was given for all levels, or one per level. */
  given: TemplateArg | undefined;
  /** Shapes of what goes in. */
  inputs: tfl.Shape[];
  /** Shape of the level. */
  expected: tfl.Shape;
}

/**
 * Builds a copy of a template in its place.
 *
 * @param owner class name for the message
 * @param build builds it
 * @throws {Error} when it does not take what goes in there, or gives another shape than the level has; and
 *   what `build` throws
 */
export function buildFitting(
  owner: string,
  layer: Layer,
  place: TemplatePlace,
  build: () => void,
): void {
  const { role, path, inputs, expected } = place;
  const named = `${owner}: ${role} ${kindOf(layer)} at ${path}`;
  const declared = layer.inputSpec?.length ?? inputs.length;
  if (role === 'fusion' && declared > inputs.length) {
    // A model has weights already.
    for (const weight of layer.weights) weight.dispose();
    throw new Error(
      `${named} declares ${declared} inputs, but the walk back knows ${inputs.length} there: lower, of ` +
        `this column, and upper, of the previous one. The previous column's own level is what it ` +
        `recovers, so a fusion cannot read it; write one that takes [lower, upper]`,
    );
  }
  const shapeOf = () => layer.computeOutputShape(oneOrAll(inputs));
  const refused = (error: unknown) =>
    new Error(`${named} does not take ${show(inputs)}: ${messageOf(error)}. ${advice(place)}`, {
      cause: error,
    });
  const early = messageOf(errorOf(shapeOf));
  try {
    build();
  } catch (error) {
    // What its shapes say without any weights is their fault, and nothing else is.
    throw early !== '' && early === messageOf(error) ? refused(error) : error;
  }
  // Listed by now, so that its weights are freed with all the others.
  requireModelTakes(named, layer, place);
  const failed = errorOf(shapeOf);
  if (failed !== undefined) throw refused(failed);
  const output = shapeOf();
  if (!Array.isArray(output[0]) && sameShape(output as tfl.Shape, expected)) return;
  throw new Error(
    `${named} turns ${show(inputs)} into ${show(output)}; expected ${show(expected)}. A ${role} must ` +
      `give the shape of its level. ${advice(place)}`,
  );
}

/** A model has weights for the width that it was made for, and looks at no other width itself. */
function requireModelTakes(named: string, layer: Layer, place: TemplatePlace): void {
  if (!(layer instanceof tfl.LayersModel) || layer.weights.length === 0) return;
  const taken = layer.inputs.map(({ shape }) => shape);
  const fits = (shape: tfl.Shape, i: number) =>
    sameShape(taken[i]?.slice(-1) ?? [], shape.slice(-1));
  if (taken.length === place.inputs.length && place.inputs.every(fits)) return;
  throw new Error(
    `${named} is a model for ${show(taken)}, but is given ${show(place.inputs)}. ${advice(place)}`,
  );
}

function advice({ role, given }: TemplatePlace): string {
  if (!Array.isArray(given)) {
    return `Where levels differ in shape, give one template per level: ${role}: [level 0, level 1, ...]`;
  }
  return role === 'block'
    ? 'Give this level a template for its shape'
    : `Give this level a fusion that brings both operands to the level's shape`;
}

function errorOf(fn: () => unknown): unknown {
  try {
    fn();
    return undefined;
  } catch (error) {
    return error;
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message.replace(/\.$/, '') : String(error ?? '');
}
