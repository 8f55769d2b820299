/** The classification weights, published or in this package: where each set is, and how to use it. */
import type { ModelSizeName } from './architectures';
import { IMAGENET_MEAN, IMAGENET_STD } from './imagenet_statistics';
import { PACKAGE_ORIGIN, packageSources } from './package_sources';
import { PACKAGED_SETS, type PackagedDataName, type PackagedFacts } from './packaged';
import { PUBLICATION } from './publication';

/** Weight sets, `architecture.tag` in the manner of timm. */
export type PretrainedName = keyof typeof SETS | keyof typeof PACKAGED_SETS;

/** One place that a file can be downloaded from. */
export interface WeightSource {
  readonly url: string;
  /** Exact size in bytes; undefined where the publisher states only a rounded one. */
  readonly bytes?: number;
  /** SHA-256 in lower-case hex; undefined where the publisher states none. */
  readonly sha256?: string;
}

/** One weight set. A property that no source states is undefined. */
export interface PretrainedWeights {
  readonly name: PretrainedName;
  readonly size: ModelSizeName;
  readonly fileName: string;
  /** Tried in this order. The Hugging Face copy comes first: it allows requests from web pages. */
  readonly sources: readonly WeightSource[];
  /** The file's place in this package, of a set that ships with it; Node takes it from there. */
  readonly packageFile?: string;
  /** Size of the file to three digits, in bytes (for display and for checking free space). */
  readonly approximateBytes: number;
  /** `[height, width, channels]` of the image that the weights were evaluated on. */
  readonly inputSize: readonly [number, number, 1 | 3];
  /** Per-channel mean of the training images, RGB, for pixels in 0..1; of grey ones thrice the same. */
  readonly mean: readonly [number, number, number];
  /** Per-channel standard deviation, RGB, for pixels in 0..1. */
  readonly std: readonly [number, number, number];
  /**
   * `'center'`: the shorter side becomes 256/224 of the input size, then the centre is cut out.
   * `'squash'`: the whole image is resized to the input size, whatever its aspect ratio.
   */
  readonly crop: 'center' | 'squash';
  readonly interpolation: 'bicubic';
  /** Classes of the head; undefined for the private data set. */
  readonly numClasses?: number;
  readonly pretrainedOn: 'ImageNet-1k' | 'ImageNet-22k' | 'Megdata-168M' | PackagedDataName;
  readonly fineTunedOn?: 'ImageNet-1k';
  /**
   * Top-1 accuracy in percent: on the ImageNet-1k validation set, as published; of a set that ships with
   * this package on the test pictures that its card in `docs/models.md` tells of, as measured.
   */
  readonly top1?: number;
  /** Names of the classes; undefined for those of ImageNet, which `tfjs-revcol/imagenet_classes` has. */
  readonly classNames?: readonly string[];
  /** Key of the file's top-level dict that holds the weights; undefined where the file is no dict. */
  readonly checkpointKey?: 'model';
  /**
   * Whether the official recipe trained four classifiers and three image decoders
   * (`cls_blocks.*`, `decoder_blocks.*`) or a single classifier (`cls.*`).
   */
  readonly intermediateSupervision: boolean;
  /** Prefix of the classifier to keep for inference: the one on the last column. */
  readonly headPrefix: 'cls_blocks.3' | 'cls';
  /** Stochastic depth rate that the set was trained with; undefined where no recipe is published. */
  readonly dropPathRate?: number;
  readonly license: 'Apache-2.0';
  readonly paper: string;
  readonly origin: string;
}

const HUGGING_FACE =
  'https://huggingface.co/LarryTsai/RevCol/resolve/main/revcol_models/classification/';
const GITHUB = 'https://github.com/megvii-research/RevCol/releases/download/checkpoint/';

/** What tells one set from another; the rest follows, or is said here where it does not. */
type Facts = Pick<
  PretrainedWeights,
  'fileName' | 'approximateBytes' | 'pretrainedOn' | 'intermediateSupervision'
> &
  Partial<PretrainedWeights> & {
    /** Side of the square images that the set was evaluated on. */
    side: number;
    /** Exact size and checksum of the copy on Hugging Face. */
    bytes?: number;
    sha256?: string;
    /** Whether the official repository's release has it as well. */
    github: boolean;
  };

function recordOf(
  name: keyof typeof SETS,
  { side, bytes, sha256, github, ...facts }: Facts,
): PretrainedWeights {
  return {
    name,
    size: name.slice(0, name.indexOf('.')) as ModelSizeName,
    sources: [
      { url: HUGGING_FACE + facts.fileName, bytes, sha256 },
      ...(github ? [{ url: GITHUB + facts.fileName }] : []),
    ],
    inputSize: [side, side, 3],
    mean: IMAGENET_MEAN,
    std: IMAGENET_STD,
    crop: side > 224 ? 'squash' : 'center',
    interpolation: 'bicubic',
    checkpointKey: 'model',
    headPrefix: facts.intermediateSupervision ? 'cls_blocks.3' : 'cls',
    ...PUBLICATION,
    ...facts,
  };
}

/** Side of the pictures of the sets in this package, in pixels. */
const PACKAGED_SIDE = 28;

/** The record of a set that ships with this package. */
function packagedRecord(name: keyof typeof PACKAGED_SETS): PretrainedWeights {
  const { bytes, sha256, mean, std, ...facts }: PackagedFacts = PACKAGED_SETS[name];
  const fileName = `${name}.safetensors`;
  const packageFile = `weights/${fileName}`;
  return {
    name,
    size: name.slice(0, name.indexOf('.')) as ModelSizeName,
    fileName,
    packageFile,
    sources: packageSources(packageFile, { bytes, sha256 }),
    approximateBytes: Number(bytes.toPrecision(3)),
    inputSize: [PACKAGED_SIDE, PACKAGED_SIDE, 1],
    mean: [mean, mean, mean],
    std: [std, std, std],
    crop: 'squash',
    interpolation: 'bicubic',
    numClasses: facts.classNames.length,
    intermediateSupervision: false,
    headPrefix: 'cls',
    dropPathRate: 0,
    ...PUBLICATION,
    origin: PACKAGE_ORIGIN,
    ...facts,
  };
}

const IN1K = { pretrainedOn: 'ImageNet-1k', numClasses: 1000, side: 224, github: true } as const;
const IN22K = { pretrainedOn: 'ImageNet-22k', side: 224, github: true } as const;
const MEGDATA = { pretrainedOn: 'Megdata-168M', github: false } as const;
const PRETRAINED = { intermediateSupervision: true } as const;
const FINE_TUNED = {
  fineTunedOn: 'ImageNet-1k',
  numClasses: 1000,
  intermediateSupervision: false,
} as const;

/**
 * The facts of every set by name, of which the part before the dot is the size. A new set is one more
 * entry.
 */
const SETS = {
  'revcol_tiny.in1k': {
    ...IN1K,
    ...PRETRAINED,
    fileName: 'revcol_tiny_1k.pth',
    approximateBytes: 135e6,
    sha256: '0695e78919ce495d4bdea58651123c715a3b396adfb31ed444537fc3f545b2a5',
    top1: 82.2,
    dropPathRate: 0.1,
  },
  'revcol_small.in1k': {
    ...IN1K,
    ...PRETRAINED,
    fileName: 'revcol_small_1k.pth',
    approximateBytes: 255e6,
    sha256: 'ed86686a31e9f002cba6382dd8615bfdd0a05d196274efea9e370c59848615e7',
    top1: 83.5,
    dropPathRate: 0.3,
  },
  'revcol_base.in1k': {
    ...IN1K,
    ...PRETRAINED,
    fileName: 'revcol_base_1k.pth',
    approximateBytes: 570e6,
    bytes: 570_100_095,
    sha256: '1a67d967803f0ec80edee41b3e9455f1489868f8b57d47ac6e42509a05ba036b',
    top1: 84.1,
    dropPathRate: 0.4,
  },
  'revcol_base.in22k': {
    ...IN22K,
    ...PRETRAINED,
    fileName: 'revcol_base_22k.pth',
    approximateBytes: 776e6,
    bytes: 775_637_189,
    sha256: '31935f85038843a8e9cbb0f18bd0b2f877c6a94242d47ea453ecdd3478863dac',
    numClasses: 21841,
    dropPathRate: 0.3,
  },
  'revcol_base.in22k_ft_in1k_224': {
    ...IN22K,
    ...FINE_TUNED,
    fileName: 'revcol_base_22k_1kft_224.pth',
    approximateBytes: 555e6,
    bytes: 555_014_843,
    sha256: '7bb53bdcbe61d790dcb28581f0bf9d6a63bfbe049396597503df6142365404a3',
    top1: 85.6,
    dropPathRate: 0.2,
  },
  'revcol_base.in22k_ft_in1k_384': {
    ...IN22K,
    ...FINE_TUNED,
    side: 384,
    fileName: 'revcol_base_22k_1kft_384.pth',
    approximateBytes: 555e6,
    sha256: '84b944acad0bca9a4588d566ac35df36224f768a2d7dced5d7592ca90b281978',
    top1: 86.7,
    dropPathRate: 0.2,
  },
  'revcol_large.in22k': {
    ...IN22K,
    ...PRETRAINED,
    fileName: 'revcol_large_22k.pth',
    approximateBytes: 1.48e9,
    numClasses: 21841,
    dropPathRate: 0.3,
  },
  'revcol_large.in22k_ft_in1k_224': {
    ...IN22K,
    ...FINE_TUNED,
    fileName: 'revcol_large_22k_1kft_224.pth',
    approximateBytes: 1.09e9,
    sha256: 'fb03de8ad94182f78ffbc0a3ff0dfee79b08db7e817a5d150f5ae4d34cce636e',
    top1: 86.6,
    dropPathRate: 0.3,
  },
  'revcol_large.in22k_ft_in1k_384': {
    ...IN22K,
    ...FINE_TUNED,
    side: 384,
    fileName: 'revcol_large_22k_1kft_384.pth',
    approximateBytes: 1.09e9,
    sha256: 'd154da398212189e522c9777b03ee715b1d94d01f4926d8e90dc34edf6b07e3c',
    top1: 87.6,
    dropPathRate: 0.3,
  },
  'revcol_huge.megdata168m': {
    ...MEGDATA,
    ...PRETRAINED,
    side: 224,
    fileName: 'revcol_huge_megdata.pth',
    approximateBytes: 9.8e9,
    bytes: 9_801_558_637,
    sha256: 'af0be44117b90ef929524e7189a1f1d8dc8ae333f9329cc5dfaaa730a9e19901',
  },
  'revcol_huge.megdata168m_ft_in1k_640': {
    ...MEGDATA,
    ...FINE_TUNED,
    side: 640,
    fileName: 'revcol_huge_megdata_in1k.pth',
    approximateBytes: 8.63e9,
    bytes: 8_630_801_315,
    sha256: '4850c1189dd22352891680a8c269d494c0de673c067e049eb43e8d3bc8c82c8c',
    top1: 90.0,
    dropPathRate: 0.4,
  },
} as const satisfies Record<`${ModelSizeName}.${string}`, Facts>;

/**
 * Every classification weight set by name: those that ship with this package, then the published ones. No
 * weights of XLarge were published.
 *
 * Sources: the README and `configs/*.yaml` of https://github.com/megvii-research/RevCol (places,
 * accuracies, recipes) and the file list of https://huggingface.co/LarryTsai/RevCol (sizes,
 * checksums). Exact sizes and checksums are those of the Hugging Face copies.
 */
export const PRETRAINED_WEIGHTS: Readonly<Record<PretrainedName, PretrainedWeights>> =
  /* @__PURE__ */ Object.fromEntries(
    [
      ...(Object.keys(PACKAGED_SETS) as (keyof typeof PACKAGED_SETS)[]).map(packagedRecord),
      ...(Object.keys(SETS) as (keyof typeof SETS)[]).map((name) => recordOf(name, SETS[name])),
    ].map((record) => [record.name, record]),
  ) as Record<PretrainedName, PretrainedWeights>;
