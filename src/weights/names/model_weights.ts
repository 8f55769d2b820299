/** The weights of a model under their published names. */
import type * as tfl from '@tensorflow/tfjs-layers';

import { CheckpointError } from '../errors';
import { decoderOfOwn, nameMapping } from './name_mapping';
import { OWN, type WeightLayout } from './weight_layout';

/** What of a `tf.LayersModel` is used here. */
export interface ModelLike {
  readonly name: string;
  readonly weights: tfl.LayerVariable[];
}

/**
 * Which of a model's layers are RevCol's parts, where they are not named so: from the layer's name
 * to `backbone`, `head`, `head_0`, `decoder_0`, `decode_head`, `auxiliary_head`, ... For example `{rev_col_backbone_1: 'backbone'}`.
 */
export type LayerRoles = Readonly<Record<string, string>>;

/** A weight that has a published name. */
export interface MappedWeight {
  readonly variable: tfl.LayerVariable;
  /** Published name, for example `subnet0.alpha0`. */
  readonly published: string;
  /** PyTorch's shape of this weight. */
  readonly publishedShape: readonly number[];
  readonly layout: WeightLayout;
}

/** A model's weights, sorted by whether a published checkpoint has them. */
export interface ModelWeights {
  /** In the model's order. */
  readonly mapped: ReadonlyMap<string, MappedWeight>;
  /** Those that have no published name, of other layers, by their own names: of float32, whose name no other has. */
  readonly others: ReadonlyMap<string, MappedWeight>;
  /** The names of these. */
  readonly unmapped: readonly string[];
}

/**
 * Finds the published names of a model's weights. Layers are recognised by their names (`backbone`,
 * `head`), else by their weights where exactly one layer has such; else `roles` says which is which.
 *
 * @throws {CheckpointError} 'mismatch' when there are several candidates, when two weights get one
 * name, and when the model is disposed.
 */
export function modelWeights(model: ModelLike, roles: LayerRoles = {}): ModelWeights {
  // A layer that stands both in a nested model and outside of it is listed twice.
  const variables = [...new Set(model.weights)];
  const allRoles = { ...findRoles(model, roles), ...roles };
  const nameOf = (variable: tfl.LayerVariable): string => inRole(variable.originalName, allRoles);
  const mapping = nameMapping(decoderOfOwn(variables.map(nameOf)));
  const mapped = new Map<string, MappedWeight>();
  const unmapped: string[] = [];
  const others = new Map<string, MappedWeight>();
  for (const variable of variables) {
    const found = mapping.toPublished(nameOf(variable));
    const shape = found?.layout.publishedShape(shapeOf(variable));
    if (!found || !shape) {
      const name = variable.originalName;
      unmapped.push(name);
      const publishedShape = shapeOf(variable);
      if (variable.dtype === 'float32') {
        others.set(name, { variable, published: name, publishedShape, layout: OWN });
      }
      continue;
    }
    if (mapped.has(found.name)) {
      throw new CheckpointError(
        'mismatch',
        `Model ${model.name} has two weights for ${found.name}; give its layers different names, ` +
          `or tell them apart with layers: {NAME: 'backbone'}`,
      );
    }
    if (variable.dtype !== 'float32') {
      throw new CheckpointError(
        'mismatch',
        `Weight ${variable.originalName} of model ${model.name} is ${variable.dtype}; expected float32`,
      );
    }
    mapped.set(found.name, {
      variable,
      published: found.name,
      publishedShape: shape,
      layout: found.layout,
    });
  }
  for (const name of others.keys()) {
    if (unmapped.indexOf(name) !== unmapped.lastIndexOf(name)) others.delete(name);
  }
  return { mapped, others, unmapped };
}

/** A variable's shape, which is fully known. */
export function shapeOf(variable: tfl.LayerVariable): number[] {
  return variable.shape as number[];
}

/** Names of weights that only a backbone has, and only a classification head; `$1` is the layer. */
const SIGNATURES: Readonly<Record<string, RegExp>> = {
  backbone: /^(.+?)\/(?:stem\/(?:projection|norm)|column_\d+\/level_\d+)\//,
  head: /^(?!.*\/column_\d+\/)(.+)\/classifier\/(?:kernel|bias)$/,
  decode_head: /^(.+)\/(?:psp_\d+|fpn_bottleneck)\/norm\/batches$/,
  auxiliary_head: /^(.+)\/conv_\d+\/norm\/batches$/,
};

function findRoles(model: ModelLike, given: LayerRoles): Record<string, string> {
  const roles: Record<string, string> = {};
  const taken = new Set(Object.values(given));
  for (const [role, pattern] of Object.entries(SIGNATURES)) {
    const found = new Set<string>();
    for (const { originalName } of model.weights) {
      const layer = pattern.exec(originalName)?.[1];
      if (layer !== undefined && !Object.hasOwn(given, layer)) found.add(layer);
    }
    // A layer of that name, or numbered as in intermediate supervision, needs no finding.
    const named = [...found].some((name) => name === role || /^head_\d+$/.test(name));
    if (taken.has(role) || named || found.size === 0) continue;
    const [layer, ...others] = found;
    if (others.length > 0) {
      throw new CheckpointError(
        'mismatch',
        `Model ${model.name} has ${found.size} layers that could be its ${role}: ` +
          `${[...found].join(', ')}; say which with layers: {NAME: '${role}'}`,
      );
    }
    if (layer !== undefined) roles[layer] = role;
  }
  return roles;
}

/** The name with its layer's part replaced by the layer's role. */
function inRole(name: string, roles: LayerRoles): string {
  for (const [layer, role] of Object.entries(roles)) {
    if (name.startsWith(`${layer}/`)) return `${role}${name.slice(layer.length)}`;
  }
  return name;
}
