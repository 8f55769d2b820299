/** The segmenter or detector that `train` begins with: published, at random, or of a file. */
import type { Downloadable } from '../../download/fetch_pretrained';
import type { PreprocessOptions } from '../../preprocessing/fit_image';
import { MODEL_NAMES } from '../../registry/names';
import { DownloadNotice } from '../base/download_notice';
import type { Terminal } from '../base/terminal';
import { assumedForTraining } from '../models/assumed_preparation';
import type { LoadedDense } from '../models/dense_kind';
import type { DenseOptions } from '../models/dense_model';
import type { TrainingRequest } from './kind';
import type { TrainOptions } from './options';

type Statistics = Pick<PreprocessOptions, 'mean' | 'std'>;

/** Options that only networks with random weights take: those of a network's form. */
const FORM = ['columns', 'channels', 'depths', 'patchSize', 'headChannels'] as const;

/** Form of a network, so far as it is given. */
export type GivenForm = Pick<TrainOptions, (typeof FORM)[number]>;

/** What `fineTuneSegmenter` and `fineTuneDetector` take of a name. */
export type NamedNetwork<Name, Form> =
  | ({ name: Name; pretrained: false } & Form)
  | (Pick<TrainOptions, 'cacheDir' | 'baseUrl'> & { name: Name } & Pick<
        DownloadNotice,
        'fetch' | 'onProgress'
      >);

/** What is asked of a kind of network. */
interface DenseKind<Name extends string, Form> {
  /** Of several, as messages call them. */
  readonly called: string;
  /** The record of a name. */
  readonly recordOf: (name: string) => { readonly name: Name } & Pick<Downloadable, 'fileName'>;
  /** Options of `createModel`. */
  readonly formOf: (given: GivenForm) => Form;
}

/**
 * The network by its name; null where `--model` is a file.
 *
 * @throws {Error} when options do not go together, or the name is that of another kind of model
 */
export function chosenByName<Name extends string, Form>(
  options: TrainOptions,
  terminal: Terminal,
  { called, recordOf, formOf }: DenseKind<Name, Form>,
): { model: NamedNetwork<Name, Form>; notice?: DownloadNotice } | null {
  const { model, randomWeights, cacheDir, baseUrl } = options;
  const given = FORM.filter((key) => options[key] !== undefined);
  const [wrong] = given.map((key) => key.replace(/[A-Z]/, (letter) => `-${letter.toLowerCase()}`));
  if (!(MODEL_NAMES as readonly string[]).includes(model)) {
    if (wrong === undefined && !randomWeights) return null;
    throw new Error(
      `--${wrong ?? 'random-weights'} is for ${called} by name; ${model} is a file, which has its own`,
    );
  }
  const record = recordOf(model);
  const { name } = record;
  if (randomWeights) {
    const form = Object.fromEntries(given.map((key) => [key, options[key]])) as GivenForm;
    return { model: { name, pretrained: false, ...formOf(form) } };
  }
  if (wrong !== undefined) {
    throw new Error(
      `--${wrong} is for random weights, and ${name} has published ones; add --random-weights, or leave it out`,
    );
  }
  const notice = new DownloadNotice(terminal, record, false);
  const { fetch, onProgress } = notice;
  return { model: { name, cacheDir, baseUrl, fetch, onProgress }, notice };
}

/** A network of a file, and by what its pixels are normalised; what had to be assumed of that is said. */
export async function chosenOfFile<Settings extends Statistics>(
  load: (
    options: DenseOptions,
    terminal: Terminal,
    checkClasses: () => void,
  ) => Promise<LoadedDense<Settings>>,
  classNames: readonly string[],
  { options: { model: weights, cacheDir, baseUrl, seed }, terminal, signal }: TrainingRequest,
): Promise<Pick<LoadedDense<Settings>, 'model' | 'settings'> & { preprocessing: Statistics }> {
  const training = { numClasses: classNames.length, seed };
  const given = { weights, cacheDir, baseUrl, signal, training };
  const { model, settings, untold } = await load(given, terminal, () => undefined);
  if (untold) terminal.error(assumedForTraining(untold));
  const { mean, std } = settings;
  return { model, settings, preprocessing: { mean, std } };
}
