/** Losses by name, so that a model saved with its optimizer still has its loss when it is loaded. */
import type * as tf from '@tensorflow/tfjs-core';
import type * as tfl from '@tensorflow/tfjs-layers';

import { requireArgument, requireFunction, shown } from '../common/arguments';

/** A loss as `model.compile` takes it: of labels and an output, to the loss of each example, `[batch]`. */
export type LossFunction = (labels: tf.Tensor, output: tf.Tensor) => tf.Tensor;

/** Makes a loss with options, which a file may have brought. */
export type LossMaker = (options: object) => LossFunction;

/** What `model.compile` takes as its loss. */
type Loss = tfl.ModelCompileArgs['loss'];
type OneLoss = string | LossFunction;

const makers = new Map<string, LossMaker>();
const identifiers = new WeakMap<LossFunction, string>();

/** What tfjs itself takes as names. */
const OF_TFJS =
  'meanSquaredError, meanAbsoluteError, meanAbsolutePercentageError, meanSquaredLogarithmicError, ' +
  'squaredHinge, hinge, categoricalHinge, logcosh, categoricalCrossentropy, ' +
  'sparseCategoricalCrossentropy, binaryCrossentropy, kullbackLeiblerDivergence, poisson, cosineProximity';

/** Enters a loss that is made with options. */
export function defineLoss(name: string, maker: LossMaker): void {
  makers.set(name, maker);
}

/** Says under what name, and with what options, a function is to be saved. */
export function identified(name: string, options: object, loss: LossFunction): LossFunction {
  const given = Object.entries(options).filter(([, value]) => value !== undefined);
  // tfjs writes names in snake case and reads them in camel case: of options nothing else may be in them.
  const text = given.length > 0 ? JSON.stringify(Object.fromEntries(given)) : '';
  identifiers.set(loss, `${name}${text}`);
  return loss;
}

/**
 * Gives a loss a name under which `model.compile` finds it, and under which it is saved, so that a model
 * saved with `includeOptimizer: true` goes on training with it when it is loaded: tfjs by itself saves
 * only the names of its own losses, and of a function nothing. The program that loads the model must
 * have registered the same name before.
 *
 * @example
 * registerLoss('focalLoss', (labels, logits) => focalLosses(labels, logits));
 * model.compile({ optimizer: new AdamW(), loss: 'focalLoss' });
 * await model.save('indexeddb://mine', { includeOptimizer: true });
 * const loaded = await tf.loadLayersModel('indexeddb://mine'); // compiled with focalLoss
 * @param name letters and digits, beginning with a small letter, such as `'focalLoss'`
 * @param loss of labels and an output of the model, to the loss of each example, `[batch]`, or a scalar
 * @throws {Error} when the name has other characters, or tfjs or this package has a loss of that name,
 *   or another function has been registered for it
 */
export function registerLoss(name: string, loss: LossFunction): void {
  const owner = 'registerLoss';
  const fits = typeof name === 'string' && /^[a-z][a-zA-Z0-9]*$/.test(name) && survives(name);
  const form = "letters and digits in camel case, such as 'focalLoss', which tfjs can save";
  requireArgument(owner, 'name', name, fits, form);
  requireFunction(owner, 'loss', loss);
  const former = makers.get(name);
  if (OF_TFJS.split(', ').includes(name) || (former && former({}) !== loss)) {
    throw new Error(`${owner}: there is a loss ${shown(name)} already; choose another name`);
  }
  defineLoss(name, () => loss);
  identified(name, {}, loss);
}

/** Whether a name comes back from how tfjs saves it: in snake case, read in camel case. */
function survives(name: string): boolean {
  const words = name.replace(/(.)([A-Z][a-z0-9]+)/g, '$1_$2').replace(/([a-z])([A-Z])/g, '$1_$2');
  return words.toLowerCase().replace(/_+(\w|$)/g, (_, c: string) => c.toUpperCase()) === name;
}

/**
 * The loss that a name stands for.
 *
 * @returns undefined for a name that this package does not know
 * @throws {Error} when its options are not those of the loss
 */
function lossOf(identifier: string): LossFunction | undefined {
  const [, name = '', text = ''] = /^(\w+)(\{.*\})?$/s.exec(identifier) ?? [];
  const maker = makers.get(name);
  if (!maker) return undefined;
  try {
    return maker(text === '' ? {} : (JSON.parse(text) as object));
  } catch (cause) {
    throw new Error(
      `model.compile: the options of the loss ${shown(identifier)} are not those of ${name}`,
      { cause },
    );
  }
}

/** A loss for each output, in whatever form they are given. */
function eachLoss(loss: Loss, of: (one: OneLoss) => OneLoss): Loss {
  if (typeof loss === 'string' || typeof loss === 'function') return of(loss as OneLoss) as Loss;
  if (Array.isArray(loss)) return (loss as OneLoss[]).map(of) as Loss;
  if (typeof loss !== 'object' || loss === null) return loss;
  return Object.fromEntries(
    Object.entries(loss as Record<string, OneLoss>).map(([output, one]) => [output, of(one)]),
  ) as Loss;
}

/** The method of tfjs's models that brings a loss. */
interface Compiles {
  compile(this: tfl.LayersModel, args: tfl.ModelCompileArgs): void;
}

/**
 * Lets `compile` find the losses of this package by name and keep the names of its functions, which is
 * what tfjs saves. tfjs's own list of names is closed, and `loadLayersModel` calls `compile` itself, so
 * there is no other place. Names and functions that are not known here go on as they are.
 */
export function findLossesByName(prototype: Compiles): void {
  const original = prototype.compile;
  prototype.compile = function (args) {
    const loss = (args as Partial<tfl.ModelCompileArgs> | undefined)?.loss;
    const names = eachLoss(loss as Loss, (one) =>
      typeof one === 'function' ? (identifiers.get(one) ?? one) : one,
    );
    const functions = eachLoss(loss as Loss, (one) =>
      typeof one === 'string' ? (lossOf(one) ?? one) : one,
    );
    const isOurs = JSON.stringify([names]) !== JSON.stringify([functions]);
    original.call(this, isOurs ? { ...args, loss: functions } : args);
    if (isOurs) this.loss = names;
  };
}
