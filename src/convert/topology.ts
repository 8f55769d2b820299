/** The `modelTopology` of a RevCol classifier, without allocating its weights. */
import { createModel } from '../models/create_model';
import type { ConvNextClassifier } from '../registry/describe';

interface LayerJson {
  class_name: string;
  config: Record<string, unknown>;
}

interface ModelJson {
  config: { name: string; layers: LayerJson[] };
}

/**
 * What `createModel(...).toJSON()` gives for this classifier. A twin with the same layers but one
 * channel per level is built and described, then given the true widths: weights of a size such as
 * Huge would not fit into memory.
 *
 * @param inputSize `[height, width]` of the images
 */
export function modelTopology(
  name: string,
  classifier: ConvNextClassifier,
  [height, width]: readonly [number, number],
): object {
  const { inputChannels, columns, kernelSize, patchSize, topFusion } = classifier;
  const twin = createModel('revcol_tiny', {
    columns,
    kernelSize,
    patchSize,
    topFusion,
    channels: classifier.channels.map(() => 1),
    depths: [...classifier.depths],
    numClasses: 1,
    inputShape: [height, width, inputChannels],
  });
  let json: ModelJson;
  try {
    json = twin.toJSON(null, false) as unknown as ModelJson;
  } finally {
    twin.dispose();
  }
  json.config.name = name;
  for (const layer of json.config.layers) {
    if (layer.class_name === 'RevColBackbone') layer.config.channels = [...classifier.channels];
    if (layer.class_name === 'RevColHead') layer.config.units = classifier.numClasses;
  }
  return json;
}
