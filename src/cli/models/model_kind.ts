/** Which kind of model there is, and the commands that take it: folders and files of models look alike. */
import type * as tfl from '@tensorflow/tfjs-layers';

/** What the commands tell apart. */
export type ModelKind = 'classifier' | 'segmenter' | 'detector' | 'texts';

/** What a model of each kind is. */
export const TAKEN_BY: Readonly<Record<ModelKind, string>> = {
  classifier: 'a classifier, which the command classify takes, and evaluate and train',
  segmenter: 'a segmenter, which the command segment takes, and evaluate and train with --maps',
  detector:
    'a detector, which the command detect takes, and train with --coco; what detect has found, evaluate takes with ' +
    '--coco and --results',
  texts:
    'a model of texts, and of no pictures: in a program preprocessTexts makes its input (docs/models.md, ' +
    '"Which language a text is in")',
};

/** The kind, where layers or outputs leave no doubt. */
function kindOf({ layers, inputs, outputs }: tfl.LayersModel): ModelKind | null {
  const classes = layers.map((layer) => layer.getClassName());
  if (classes.includes('RevColCascadeHead')) return 'detector';
  if (classes.includes('RevColUPerHead')) return 'segmenter';
  const [input] = inputs;
  if (input?.dtype === 'int32' && input.shape.length === 2) return 'texts';
  const isOfImages = inputs.length === 1 && inputs[0]?.shape.length === 4;
  const isOfRows = outputs.length === 1 && outputs[0]?.shape.length === 2;
  return isOfImages && isOfRows ? 'classifier' : null;
}

/**
 * Asserts that a model of a folder is not of another kind than a command takes. One of no kind that is known passes.
 *
 * @param file for the message
 * @throws {Error} that says which commands take it
 */
export function requireKind(file: string, model: tfl.LayersModel, wanted: ModelKind): void {
  const kind = kindOf(model);
  if (kind === null || kind === wanted) return;
  throw new Error(
    `${file} is ${TAKEN_BY[kind]}. Here a ${wanted}${wanted === 'classifier' ? ' of pictures' : ''} is expected`,
  );
}
