/** The backbone in a model, and what it is given when the model is run. */
import * as tf from '@tensorflow/tfjs-core';
import * as tfl from '@tensorflow/tfjs-layers';

import { requireModel, show } from '../common/arguments';
import { type PartTree, partTree } from '../layers/base/frozen_parts';
import { firstMask } from '../layers/base/masks';
import { RevColBackbone } from '../layers/columns/rev_col_backbone';

/** What a backbone is called with. Whoever gets it disposes it. */
export interface BackboneInput {
  x: tf.Tensor;
  /** Which tokens are real, `[batch, time]`. */
  mask?: tf.Tensor;
}

/**
 * The backbone of a model, however deep in it; a backbone itself is one.
 *
 * @param layer its name, where there are several
 * @throws {Error} when the model has none, or several of which none is named
 */
export function findBackbone(owner: string, model: unknown, layer?: string): RevColBackbone {
  if (!(model instanceof RevColBackbone)) requireModel(owner, model);
  const found = [...new Set(backbonesIn(partTree(model as tfl.layers.Layer)))];
  const named = layer == null ? found : found.filter(({ name }) => name === layer);
  const [backbone, ...others] = named;
  if (backbone && others.length === 0) return backbone;
  const { name } = model as tfl.layers.Layer;
  if (found.length === 0) {
    throw new Error(
      `${owner}: ${name} has no RevColBackbone that is built; expected a model such as createModel gives. ` +
        `Features of other models are for linearCKA and MinibatchCKA`,
    );
  }
  throw new Error(
    `${owner}: ${name} has the backbones ${found.map((one) => one.name).join(', ')}` +
      (layer == null ? '; name one by the option layer' : `, and none of the name '${layer}'`),
  );
}

function backbonesIn({ layer, parts }: PartTree): RevColBackbone[] {
  if (layer instanceof RevColBackbone) return layer.built ? [layer] : [];
  return parts.flatMap(backbonesIn);
}

/** Asserts inputs of the shapes that a model says it takes, as its `predict` does: called as a layer it takes others. */
function requireInputs(
  owner: string,
  model: tfl.layers.Layer,
  inputs: tf.Tensor | tf.Tensor[],
): void {
  if (!(model instanceof tfl.LayersModel)) return;
  for (const [i, { shape: given }] of [inputs].flat().entries()) {
    const expected = model.inputs[i]?.shape;
    const fits = expected?.every((side, axis) => side === null || side === given[axis]);
    if (fits && expected?.length === given.length) continue;
    throw new Error(
      `${owner}: inputs have shape ${show(given)}; the model ${model.name} takes ${show(expected)}`,
    );
  }
}

/**
 * Whether a model cannot call its backbone more than once: models alone are around it, and each is in one place of all
 * graphs. What other layers do with theirs nobody knows.
 */
function isCalledOnce({ layer, parts }: PartTree, backbone: RevColBackbone): boolean {
  if (layer === backbone) return true;
  const [around, ...others] = parts.filter((part) => backbonesIn(part).includes(backbone));
  if (!(layer instanceof tfl.LayersModel) || around === undefined || others.length > 0)
    return false;
  // A model is in its own graph, too.
  const own = around.layer instanceof tfl.LayersModel ? 1 : 0;
  return around.layer.inboundNodes.length - own < 2 && isCalledOnce(around, backbone);
}

/**
 * Runs a model until its backbone is called, as for inference, and gives what that is called with.
 *
 * @param inputs the model's inputs; they stay the caller's
 * @param call which of its calls, from 0; undefined for the only one
 * @throws {Error} when the inputs are not of the model's shapes, or the backbone is not called that often, or is called
 *   more than once and it is not said which call counts
 */
export function backboneInput(
  owner: string,
  model: tfl.layers.Layer,
  backbone: RevColBackbone,
  inputs: tf.Tensor | tf.Tensor[],
  call: number | undefined,
): BackboneInput {
  requireInputs(owner, model, inputs);
  const isEnough = call !== undefined || isCalledOnce(partTree(model), backbone);
  let calls = 0;
  let reached: BackboneInput | undefined;
  const run = backbone.call.bind(backbone);
  backbone.call = (given, kwargs = {}) => {
    if (calls++ !== (call ?? 0)) return run(given, kwargs);
    const x = [given].flat()[0] as tf.Tensor;
    const mask = firstMask(kwargs.mask);
    reached = { x: tf.keep(tf.clone(x)), mask: mask && tf.keep(tf.clone(mask)) };
    if (!isEnough) return run(given, kwargs);
    // The rest of the model need not run.
    throw new Error(`${owner}: the backbone is reached`);
  };
  try {
    tf.tidy(() => {
      model.apply(inputs, { training: false });
    });
  } catch (error) {
    // A layer around it may have made another error of ours.
    if (!reached || !isEnough) {
      disposeInput(reached);
      throw error;
    }
  } finally {
    Reflect.deleteProperty(backbone, 'call');
  }
  if (reached && (isEnough || calls === 1)) return reached;
  disposeInput(reached);
  const often = calls === 1 ? 'once' : `${calls} times`;
  throw new Error(
    calls === 0
      ? `${owner}: ${model.name} was run and has not called its layer ${backbone.name}`
      : `${owner}: ${model.name} calls its backbone ${backbone.name} ${often}; ` +
          (call === undefined ? 'say which by the option call' : `call is ${call}`) +
          `, expected from 0 to ${calls - 1}`,
  );
}

function disposeInput(input: BackboneInput | undefined): void {
  if (input) tf.dispose([input.x, input.mask]);
}
