/** The weights that the page brings: `revcol_femto`, trained on digits and on Fashion-MNIST. */
import { loadCheckpoint } from 'tfjs-revcol/weights';
import { CLASS_NAMES } from '../shared/classes';
import { SHIPPED_COLUMNS, type ShippedName } from '../shared/network';
import { keepWeights, type KeptWeights, makeModel } from './model';

/** Side of the pictures that they were trained on. */
const SIDE = 28;

const CHANNELS = 3;

/** Weights that have been read. */
const known = new Map<ShippedName, KeptWeights>();

/** @throws {Error} when the file is not there or not what it should be */
export async function shippedWeights(name: ShippedName): Promise<KeptWeights> {
  const before = known.get(name);
  if (before) return before;
  const response = await fetch(`weights/revcol_femto.${name}.safetensors`);
  if (!response.ok) {
    throw new Error(`The weights that come with the page cannot be read (${response.status})`);
  }
  const read = await readShipped(await response.blob(), name);
  known.set(name, read);
  return read;
}

/** Reads a file of weights of grey pictures, and makes of them weights of coloured ones. */
export async function readShipped(file: Blob, name: ShippedName): Promise<KeptWeights> {
  const classNames = CLASS_NAMES[name];
  const settings = {
    data: name,
    columns: SHIPPED_COLUMNS,
    side: SIDE,
    backprop: 'reversible',
    seed: 0,
  } as const;
  const model = makeModel(settings, classNames, 1);
  try {
    await loadCheckpoint(model, file);
    const kept = await keepWeights(model, settings, classNames);
    const [stem] = kept.values.backbone ?? [];
    if (stem) Object.assign(stem, toColour(stem));
    return kept;
  } finally {
    model.dispose();
  }
}

/**
 * The stem's kernel `[height, width, 1, filters]` with three channels, each a third: a grey picture, the same in
 * all of them, gives what it gave.
 */
function toColour({ shape, data }: { shape: number[]; data: Float32Array }) {
  const [height, width, one, filters] = shape as [number, number, number, number];
  if (shape.length !== 4 || one !== 1) {
    throw new Error(`The first weight is of shape [${shape}]; expected a kernel for one channel`);
  }
  const colour = new Float32Array(CHANNELS * data.length);
  for (let i = 0; i < colour.length; i++) {
    const place = Math.floor(i / (CHANNELS * filters));
    colour[i] = (data[place * filters + (i % filters)] as number) / CHANNELS;
  }
  return { shape: [height, width, CHANNELS, filters], data: colour };
}
