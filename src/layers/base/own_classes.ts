/**
 * The package's own layer classes. tfjs finds classes by their bare names, so that whoever registers a
 * class of the same name last replaces all others, under whatever package it is registered; what is
 * listed here cannot be replaced, and both classes go on working.
 */
import * as tf from '@tensorflow/tfjs-core';
import type * as tfl from '@tensorflow/tfjs-layers';

type Layer = tfl.layers.Layer;
type Config = tf.serialization.ConfigDict;

/** A layer class that tfjs can make from a configuration. */
export type LayerClass = tf.serialization.SerializableConstructor<Layer> & { className: string };

/** How tfjs keeps a class. */
type Entry = [cls: LayerClass, fromConfig: tf.serialization.FromConfigMethod<Layer>];

interface OwnClass {
  cls: LayerClass;
  /** The name that it is exported by. */
  exportedAs: string;
  /** Classes of others that were registered with the same name, the last one in use. */
  others: LayerClass[];
}

const PACKAGE = 'tfjs-revcol';
const ownClasses = new Map<string, OwnClass>();

function classMap(): Record<string, Entry | undefined> {
  return tf.serialization.SerializationMap.getMap().classNameMap as unknown as Record<
    string,
    Entry | undefined
  >;
}

function registeredName(cls: LayerClass): string {
  return tf.serialization.getRegisteredName(cls);
}

/** Registers the package's classes with tfjs, by the names that they are exported by. */
export function registerOwnClasses(classes: Readonly<Record<string, LayerClass>>): void {
  for (const [exportedAs, cls] of Object.entries(classes)) {
    const { className } = cls;
    // Several entries of the package may register the same.
    if (ownClasses.get(className)?.cls === cls) continue;
    const own: OwnClass = { cls, exportedAs, others: [] };
    const before = classMap()[className];
    ownClasses.set(className, own);
    Object.defineProperty(classMap(), className, {
      configurable: true,
      enumerable: true,
      get: () => entryOf(own),
      set: ([other]: Entry) => {
        own.others = own.others.filter((o) => o !== other);
        if (other !== cls) own.others.push(other);
      },
    });
    if (before) own.others.push(before[0]);
    tf.serialization.registerClass(cls, PACKAGE);
  }
}

/** The class of another that has the name as well; a second copy of this package is none. */
function rivalOf({ cls, others }: OwnClass): LayerClass | undefined {
  return others.filter((o) => registeredName(o) !== registeredName(cls)).at(-1);
}

function entryOf(own: OwnClass): Entry {
  const rival = rivalOf(own);
  if (!rival) return [own.cls, own.cls.fromConfig];
  const fromConfig = (_: unknown, config: Config, ...rest: []) => {
    const cls = describes(own, config) ? own.cls : rival;
    return cls.fromConfig(cls, config, ...rest);
  };
  return [rival, fromConfig as Entry[1]];
}

/** Whether a configuration is one that `getConfig` of our class has written: with all its options. */
function describes({ cls }: OwnClass, config: Config): boolean {
  try {
    const written = cls.fromConfig(cls, { ...config }).getConfig();
    return Object.keys(written).every((key) => key in config);
  } catch {
    return false;
  }
}

/** What a saved template says of its layer's class. */
export interface SavedClass {
  className: string;
  /** Package and name that it was registered by, where the class name alone does not tell. */
  registered?: { name: string };
}

/** Names the class of a layer so that `classOf` finds it again. */
export function nameClass(layer: Layer): SavedClass {
  const className = layer.getClassName();
  const cls = layer.constructor as LayerClass;
  const own = ownClasses.get(className);
  // tfjs's change of case in saved files spoils class names with an underscore.
  const isClear = own ? own.cls === cls : classMap()[className]?.[0] === cls;
  if (isClear && !className.includes('_')) return { className };
  const name = registeredName(cls);
  return name === `${PACKAGE}>${className}` ? { className } : { className, registered: { name } };
}

/**
 * Names a class that a configuration holds at any depth, as the layers of a model do, so that
 * `restoreClass` finds it again.
 */
export function markClass(saved: SavedClass): SavedClass {
  const cls = saved.className.includes('_') ? classMap()[saved.className]?.[0] : undefined;
  return saved.registered || !cls ? saved : { ...saved, registered: { name: registeredName(cls) } };
}

/**
 * The name that a class of a saved configuration had: tfjs reads `My_Block` as `MyBlock`, and then knows
 * no such class. Files of before 0.2.0 tell only what is left of the name.
 */
export function restoreClass(saved: SavedClass): SavedClass {
  const { className, registered } = saved;
  const known = registered ? classOf(saved, {})?.className : undefined;
  if (known !== undefined || className in classMap()) {
    return { ...saved, className: known ?? className };
  }
  const read = (name: string) => name.replace(/_+(\w|$)/g, (_, next: string) => next.toUpperCase());
  const original = Object.keys(classMap()).find((name) => read(name) === className);
  return { ...saved, className: original ?? className };
}

/**
 * The class that `nameClass` has named, or undefined when it is not registered.
 *
 * @param config configuration of the layer, which tells classes of one name apart in files of 0.1.0
 */
export function classOf(
  { className, registered }: SavedClass,
  config: Config,
): LayerClass | undefined {
  const own = ownClasses.get(className);
  if (registered) {
    const known = [
      ...[...ownClasses.values()].flatMap(({ cls, others }) => [cls, ...others]),
      ...Object.values(classMap()).flatMap((entry) => (entry ? [entry[0]] : [])),
    ];
    return known.find((cls) => registeredName(cls) === registered.name);
  }
  if (!own) return classMap()[className]?.[0];
  const rival = rivalOf(own);
  return rival && !describes(own, config) ? rival : own.cls;
}

/** Whether a class is registered with tfjs, under any name. */
export function isRegistered(cls: LayerClass): boolean {
  return registeredName(cls).includes('>') || classMap()[cls.className]?.[0] === cls;
}

/** Whether a layer is of the package's own classes, not of a subclass. */
export function isOwn(layer: Layer): boolean {
  return ownClasses.get(layer.getClassName())?.cls === layer.constructor;
}

/** The name by which a user knows the class of a layer: what it is exported by, not registered by. */
export function kindOf(layer: Layer): string {
  const own = ownClasses.get(layer.getClassName());
  return own && own.cls === layer.constructor ? own.exportedAs : layer.getClassName();
}
