/** What gives a model's classes: which layer, and of how many that is certain. */
import type * as tfl from '@tensorflow/tfjs-layers';

type Outputs = Partial<Pick<tfl.LayersModel, 'layers' | 'outputs'>>;

/** The first layer of a model that is of a class. */
export function layerOf({ layers = [] }: Outputs, className: string): tfl.layers.Layer | undefined {
  return layers.find((layer) => layer.getClassName() === className);
}

/** Heads whose units are classes. */
const CLASS_HEADS: readonly string[] = ['RevColHead', 'RevColUPerHead'];

/** The layers with weights that a tensor comes from first, through those without. */
function weighted(tensor: tfl.SymbolicTensor): tfl.layers.Layer[] {
  const found = new Set<tfl.layers.Layer>();
  // An input comes from itself, and paths may part and meet again any number of times.
  const seen = new Set<tfl.SymbolicTensor>();
  const waiting = [tensor];
  for (let at = waiting.pop(); at; at = waiting.pop()) {
    if (seen.has(at)) continue;
    seen.add(at);
    const { sourceLayer: layer, nodeIndex, tensorIndex } = at;
    const inner = (layer as Partial<tfl.LayersModel>).outputs?.[tensorIndex ?? 0];
    if (layer.weights.length > 0 && !inner) {
      found.add(layer);
      continue;
    }
    // A model within, from its own output; one without weights, such as of pooling, from what it takes as well.
    if (inner && layer.weights.length > 0) waiting.push(inner);
    else waiting.push(...(layer.inboundNodes[nodeIndex ?? 0]?.inputTensors ?? []));
  }
  return [...found];
}

/**
 * How many classes a model tells apart; undefined where it is none that tells classes, or that is not certain: of a head
 * that is not of this package two classes may be one number, and the first output none of classes.
 */
export function classCount(model: Outputs): number | undefined {
  const unitsOf = (layer: tfl.layers.Layer) => (layer as { units?: number }).units;
  const cascade = layerOf(model, 'RevColCascadeHead');
  if (cascade) return unitsOf(cascade);
  const [output] = model.outputs ?? [];
  const [head, ...others] = output ? weighted(output) : [];
  if (!head || others.length > 0 || !CLASS_HEADS.includes(head.getClassName())) return undefined;
  const units = unitsOf(head);
  // What stands behind the head, without weights, may make other outputs of it.
  return output?.shape.at(-1) === units ? units : undefined;
}

/** The weights that give a model's classes, which are those of its first output behind a backbone; none where it has no such. */
export function classWeights(model: Outputs): tfl.LayerVariable[] {
  const cascade = layerOf(model, 'RevColCascadeHead');
  if (cascade) return cascade.weights;
  for (const output of model.outputs ?? []) {
    const layers = weighted(output).filter((layer) => layer.getClassName() !== 'RevColBackbone');
    if (layers.length > 0) return layers.flatMap(({ weights }) => weights);
  }
  return [];
}
