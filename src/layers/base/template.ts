import * as tf from '@tensorflow/tfjs-core';
import * as tfl from '@tensorflow/tfjs-layers';
type Layer = tfl.layers.Layer;

/** A layer in its serialized form, as tfjs writes nested layers. */
export interface SerializedLayer {
  className: string;
  config: tf.serialization.ConfigDict;
}

/** A layer, or what a saved model has of it. */
export type LayerOrConfig = Layer | SerializedLayer;

/** Serializes a template layer. */
export function serializeLayer(layer: Layer): SerializedLayer {
  return { className: layer.getClassName(), config: layer.getConfig() };
}

/**
 * Makes a fresh layer with the template's configuration and a name of its own.
 *
 * @throws when the template's class is not registered with tfjs, or is a model without an input
 */
export function instantiate(template: LayerOrConfig, name: string): Layer {
  const { className, config } =
    template instanceof tfl.layers.Layer ? serializeLayer(template) : template;
  const entry = tf.serialization.SerializationMap.getMap().classNameMap[className];
  if (entry == null) {
    throw new Error(
      `RevColBackbone: the class '${className}' of a template is not registered; call ` +
        `tf.serialization.registerClass(${className}) once before building or loading the model`,
    );
  }
  const [cls, fromConfig] = entry;
  const named = { ...config };
  // A nested model keeps its batch input shape; a plain layer must not fix one.
  delete named.batchInputShape;
  if (!Array.isArray(named.layers)) named.name = name;
  const layer = fromConfig(cls, named) as Layer;
  if (layer instanceof tfl.LayersModel) finishModel(layer);
  return layer;
}

/** A sequential model knows its shapes only once it is built, for which it needs no input. */
function finishModel(model: tfl.LayersModel): void {
  if (model.built) return;
  if (!model.outputs?.length) {
    throw new Error(
      `${model.name}: a model without an input is no template; give its first layer an inputShape`,
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
    (t instanceof tfl.layers.Layer
      ? serializeLayer(t)
      : t) as unknown as tf.serialization.ConfigDict;
  return Array.isArray(arg) ? arg.map(one) : one(arg);
}
