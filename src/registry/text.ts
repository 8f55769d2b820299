/** The weights of text classifiers, which ship with this package: what they tell, and how to use them. */
import { PACKAGE_ORIGIN, packageSources } from './package_sources';
import type { WeightSource } from './pretrained';
import { PUBLICATION } from './publication';

/** The architecture of a text classifier: isotropic columns over characters. */
export interface TextSize {
  readonly name: 'revcol_text_femto';
  /** Ids that `trigramIds` makes, padding included. */
  readonly vocabularySize: number;
  /** Characters of a text that the network reads, from its start. */
  readonly maxLength: number;
  /** Channels of every level. */
  readonly width: number;
  readonly channels: readonly number[];
  /** Blocks of these levels in every column. */
  readonly depths: readonly number[];
  readonly columns: number;
  readonly numHeads: number;
  /** Channels within the blocks. */
  readonly intermediateDim: number;
  /** Columns over characters have no depthwise kernels. */
  readonly kernelSize?: undefined;
  readonly topFusion: false;
  /** Stochastic depth rate. */
  readonly dropPathRate: 0;
}

/** Every size of text classifiers. */
export const TEXT_SIZES = {
  revcol_text_femto: {
    name: 'revcol_text_femto',
    vocabularySize: 4096,
    maxLength: 64,
    width: 32,
    channels: [32, 32],
    depths: [1, 1],
    columns: 2,
    numHeads: 2,
    intermediateDim: 64,
    topFusion: false,
    dropPathRate: 0,
  },
} as const satisfies Record<string, TextSize>;

/** Weight sets of text classifiers, `architecture.tag`. */
export type TextName = keyof typeof SETS;

/** One weight set of a text classifier. */
export interface TextWeights {
  readonly name: TextName;
  readonly size: TextSize['name'];
  readonly fileName: string;
  readonly sources: readonly WeightSource[];
  /** The file's place in this package; Node takes it from there. */
  readonly packageFile: string;
  /** Size of the file to three digits, in bytes. */
  readonly approximateBytes: number;
  /** As `trigramIds` and `preprocessTexts` take it. */
  readonly vocabularySize: number;
  /** As `trigramIds` and `preprocessTexts` take it. */
  readonly maxLength: number;
  readonly numClasses: number;
  /** Names of the classes: of languages their codes (ISO 639-1), which `Intl.DisplayNames` can name. */
  readonly classNames: readonly string[];
  readonly parameters: number;
  readonly pretrainedOn: string;
  /** Accuracy in percent on whole test sentences, as measured: see the card in `docs/models.md`. */
  readonly top1: number;
  readonly license: 'Apache-2.0';
  readonly paper: string;
  readonly origin: string;
}

/** What tells one set from another. */
type Facts = Pick<TextWeights, 'parameters' | 'pretrainedOn' | 'top1' | 'classNames'> & {
  bytes: number;
  sha256: string;
};

/** The facts of every set by name, of which the part before the dot is the size. */
const SETS = {
  'revcol_text_femto.languages': {
    pretrainedOn: "translations of GNOME's help and of Battle for Wesnoth",
    bytes: 349_664,
    sha256: 'c7dc5be20d398bd132cc0af9aed1ec4df5b47e8e9492c829ce13f285de2eaa53',
    parameters: 169_856,
    top1: 97.9,
    // prettier-ignore
    classNames: [
      'ar', 'bg', 'ca', 'cs', 'da', 'de', 'el', 'en', 'es', 'et', 'fa', 'fi', 'fr', 'he', 'hr', 'hu',
      'id', 'it', 'ja', 'ko', 'lt', 'lv', 'nl', 'pl', 'pt', 'ru', 'sk', 'sv', 'tr', 'uk', 'vi', 'zh',
    ],
  },
} as const satisfies Record<`${TextSize['name']}.${string}`, Facts>;

function recordOf(name: TextName): TextWeights {
  const { bytes, sha256, ...facts }: Facts = SETS[name];
  const size = name.slice(0, name.indexOf('.')) as TextSize['name'];
  const fileName = `${name}.safetensors`;
  const packageFile = `weights/${fileName}`;
  const { vocabularySize, maxLength } = TEXT_SIZES[size];
  return {
    name,
    size,
    fileName,
    packageFile,
    sources: packageSources(packageFile, { bytes, sha256 }),
    approximateBytes: Number(bytes.toPrecision(3)),
    vocabularySize,
    maxLength,
    numClasses: facts.classNames.length,
    ...PUBLICATION,
    origin: PACKAGE_ORIGIN,
    ...facts,
  };
}

/** Every weight set of a text classifier by name. */
export const TEXT_WEIGHTS: Readonly<Record<TextName, TextWeights>> =
  /* @__PURE__ */ Object.fromEntries(
    (Object.keys(SETS) as TextName[]).map((name) => [name, recordOf(name)]),
  ) as Record<TextName, TextWeights>;

/** Whether `name` is that of a weight set of a text classifier. */
export function isTextName(name: string): name is TextName {
  return Object.hasOwn(TEXT_WEIGHTS, name);
}
