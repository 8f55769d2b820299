/** Templates: layers that a user gives as a pattern, of which fresh copies are made. */
import type * as tf from '@tensorflow/tfjs-core';
import * as tfl from '@tensorflow/tfjs-layers';

import { shown } from '../../common/arguments';
import { requireOwnLayer } from './copies';
import { freezeModels, frozenModels } from './frozen_models';
import { rememberTrainable } from './frozen_parts';
import {
  classOf,
  isRegistered,
  type LayerClass,
  markClass,
  nameClass,
  restoreClass,
  type SavedClass,
} from './own_classes';

type Layer = tfl.layers.Layer;

/** A layer in its serialized form, as tfjs writes nested layers. */
export interface SerializedLayer extends SavedClass {
  config: tf.serialization.ConfigDict;
  /** Paths of the models in it that are frozen, where there are any. See `frozenModels`. */
  frozenModels?: string[];
}

/** A layer, or what a saved model has of it. */
export type LayerOrConfig = Layer | SerializedLayer;

/** Serializes a template layer. */
function serializeLayer(layer: Layer): SerializedLayer {
  const frozen = frozenModels(layer);
  return {
    ...nameClass(layer),
    config: layer.getConfig(),
    ...(frozen.length > 0 ? { frozenModels: frozen } : {}),
  };
}

/**
 * Makes a fresh layer with the template's configuration and a name of its own.
 *
 * @param owner class name for the messages
 * @throws {Error} when the template's class is not registered with tfjs, or is a model without an
 *   input
 */
export function instantiate(owner: string, template: LayerOrConfig, name: string): Layer {
  requireTemplate(owner, `the template of ${name}`, template);
  const given = template instanceof tfl.layers.Layer ? template : null;
  if (given) requireClassName(owner, given);
  const saved = given
    ? copyOf(serializeLayer(given))
    : copyOf(template as SerializedLayer, restoreClass);
  const { className, registered, config } = saved;
  // Of a layer itself the class is known; a name may mean another class by now.
  const cls = given
    ? (given.constructor as LayerClass)
    : classOf({ className, registered }, config);
  if (!cls || !isRegistered(cls)) {
    const wanted = registered && registered.name !== className ? ` (as '${registered.name}')` : '';
    throw new Error(
      `${owner}: the class '${className}' of a template is not registered${wanted}; call ` +
        `tf.serialization.registerClass(${className}) once before building or loading the model`,
    );
  }
  // A nested model keeps its batch input shape; a plain layer must not fix one.
  delete config.batchInputShape;
  if (!Array.isArray(config.layers)) config.name = name;
  const layer = cls.fromConfig(cls, config) as Layer;
  if (layer instanceof tfl.LayersModel) finishModel(layer);
  freezeModels(layer, saved.frozenModels ?? []);
  rememberTrainable(layer);
  return layer;
}

/**
 * Asserts a template: a layer, or what a saved model has of one.
 *
 * @param name what it was given as, for the message
 * @throws {Error} when it is something else, as a class
 */
export function requireTemplate(owner: string, name: string, template: unknown): void {
  requireOwnLayer(owner, template);
  if (template instanceof tfl.layers.Layer) return;
  const isObject = typeof template === 'object' && template !== null;
  const { className, config } = (isObject ? template : {}) as Partial<SerializedLayer>;
  if (typeof className === 'string' && typeof config === 'object' && config !== null) return;
  const isClass =
    typeof template === 'function' && Object.hasOwn(template, 'className')
      ? `, new ${template.name}(...)`
      : typeof template === 'function'
        ? `, which ${template.name || 'it'}(...) may give`
        : '';
  throw new Error(`${owner}: ${name} is ${shown(template)}; expected a layer${isClass}`);
}

/**
 * Asserts one template for all levels, or one per level, of which null stands for the built-in one.
 *
 * @throws {Error} when one of them is something else
 */
export function requireTemplates(owner: string, name: string, arg: unknown): void {
  if (arg == null) return;
  const list = Array.isArray(arg) ? Array.from(arg as unknown[]) : [arg];
  list.forEach((template, level) => {
    if (template === null) return;
    requireTemplate(owner, Array.isArray(arg) ? `${name}[${level}]` : name, template);
  });
}

/** @throws {Error} when the class of a layer has no name by which a saved model could find it */
function requireClassName(owner: string, layer: Layer): void {
  const cls = layer.constructor as LayerClass;
  if (typeof cls.className === 'string' && (Object.hasOwn(cls, 'className') || isRegistered(cls))) {
    return;
  }
  throw new Error(
    `${owner}: class ${cls.name} of a template has no className of its own, by which saved models ` +
      `find it; write static className = '${cls.name}' and call ` +
      `tf.serialization.registerClass(${cls.name})`,
  );
}

/**
 * A copy in depth: tfjs takes the configurations of models in models apart as it reads them,
 * and takes no array of another realm for one.
 *
 * @param rename how to name the classes in it, of the layer itself and of whatever is in it
 */
function copyOf<T>(value: T, rename: (saved: SavedClass) => SavedClass = (saved) => saved): T {
  if (Array.isArray(value)) {
    return Array.from(value as unknown[], (item) => copyOf(item, rename)) as T;
  }
  if (!isPlain(value)) return value;
  const copy = Object.fromEntries(
    Object.entries(value).map(([key, item]) => [key, copyOf(item as unknown, rename)]),
  ) as T & Partial<SavedClass>;
  const { className } = copy;
  return typeof className === 'string' ? { ...copy, ...rename({ ...copy, className }) } : copy;
}

/** Whether a value is an object of no class, also of another realm, whose `Object` is another. */
function isPlain(value: unknown): value is object {
  if (value == null || typeof value !== 'object') return false;
  const prototype = Object.getPrototypeOf(value) as object | null;
  return prototype === null || Object.getPrototypeOf(prototype) === null;
}

/** A sequential model knows its shapes only once it is built, for which it needs no input. */
function finishModel(model: tfl.LayersModel): void {
  if (model.built) return;
  if (!model.outputs?.length) {
    throw new Error(
      `${model.name}: a model without an input cannot be a template; give its first layer an inputShape`,
    );
  }
  model.build(undefined as unknown as tfl.Shape);
}

/** A template as given by the user: one for all levels, or one per level. */
export type TemplateArg = LayerOrConfig | LayerOrConfig[];

/** The template of one level. */
export function templateOf(arg: TemplateArg | undefined, level: number): LayerOrConfig | undefined {
  return Array.isArray(arg) ? arg[level] : arg;
}

/** Serializes what `TemplateArg` holds, for `getConfig`. */
export function serializeTemplate(arg: TemplateArg | undefined): tf.serialization.ConfigDictValue {
  if (arg == null) return null;
  const one = (t: LayerOrConfig) =>
    copyOf(
      t instanceof tfl.layers.Layer ? serializeLayer(t) : t,
      markClass,
    ) as unknown as tf.serialization.ConfigDict;
  return Array.isArray(arg) ? arg.map(one) : one(arg);
}
