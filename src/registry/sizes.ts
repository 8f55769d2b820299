/** The named sizes as records, with the number of parameters that follows from each. */
import {
  type ConvNextArchitecture,
  type Levels,
  type ModelSizeName,
  REVCOL_ARCHITECTURES,
  VIT_ARCHITECTURES,
  type VitArchitecture,
  type VitSizeName,
} from './architectures';
import { countParameters, type ImageClassifier } from './describe';

/** What the records of all sizes have in common. */
interface BaseSize {
  /** Channels of levels 0 to 3; of femto 0 to 2. */
  readonly channels: Levels;
  /** Blocks of these levels in every column. */
  readonly depths: Levels;
  /** Side of the square images that the size is made for, in pixels. */
  readonly imageSize: number;
  /** Channels of these images: 3, of femto 1. */
  readonly inputChannels: number;
  /** Classes of the classifier, where nothing else is said: 1000, of femto 10. */
  readonly numClasses: number;
  /** Trainable parameters with so many classes and one classifier, for such images. */
  readonly parameters: number;
}

/** One RevCol architecture. The numbers of published ones are those of the official code. */
export interface ModelSize extends Omit<ConvNextArchitecture, keyof BaseSize>, BaseSize {
  readonly name: ModelSizeName;
  /**
   * Stochastic depth rate of the last block. Femto: none; Tiny, Small, Base: the official ImageNet-1k training
   * recipe; Large, XLarge: the ImageNet-22k pretraining recipe; Huge: the only recipe published,
   * fine-tuning at 640.
   */
  readonly dropPathRate: number;
}

/** One RevCol-ViT architecture. No weights of these have been published. */
export interface VitSize extends Omit<VitArchitecture, keyof BaseSize>, BaseSize {
  readonly name: VitSizeName;
  /** Channels of every level. */
  readonly width: number;
  /** A RevCol-ViT has no depthwise kernels. */
  readonly kernelSize?: undefined;
  /** A RevCol-ViT has no connection from the top level. */
  readonly topFusion: false;
  /** No recipe has been published. */
  readonly dropPathRate?: undefined;
}

/** Every RevCol size, smallest first. */
export const MODEL_SIZES: Readonly<Record<ModelSizeName, ModelSize>> = /* @__PURE__ */ recordsOf(
  REVCOL_ARCHITECTURES,
  (name) => ({ ...REVCOL_ARCHITECTURES[name], name }),
);

/** Every RevCol-ViT size, smallest first. */
export const VIT_SIZES: Readonly<Record<VitSizeName, VitSize>> = /* @__PURE__ */ recordsOf(
  VIT_ARCHITECTURES,
  (name) => ({
    ...VIT_ARCHITECTURES[name],
    name,
    width: VIT_ARCHITECTURES[name].channels[0],
    topFusion: false,
  }),
);

/** The record of every name of a table. Parameters are counted when somebody reads them. */
function recordsOf<Name extends string, Size extends ModelSize | VitSize>(
  table: Readonly<Record<Name, unknown>>,
  recordOf: (name: Name) => Omit<Size, 'parameters'>,
): Record<Name, Size> {
  const entries = (Object.keys(table) as Name[]).map((name) => {
    const facts = recordOf(name) as Size;
    const size = {
      ...facts,
      get parameters() {
        return countParameters(classifierOf(facts));
      },
    };
    return [name, size];
  });
  return Object.fromEntries(entries) as Record<Name, Size>;
}

/** A classifier of a size; by default the one that the size's own counts are of. */
export function classifierOf(
  size: Omit<ModelSize, 'parameters'> | Omit<VitSize, 'parameters'>,
  numClasses = size.numClasses,
  inputSize: readonly [number, number] = [size.imageSize, size.imageSize],
): ImageClassifier {
  return { ...size, numClasses, inputSize };
}
