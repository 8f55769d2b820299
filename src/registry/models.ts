/** Looks up what can be built: sizes and published weight sets, by name. */
import { PRETRAINED_WEIGHTS, type PretrainedName, type PretrainedWeights } from './pretrained';
import { isModelSizeName, MODEL_SIZES, type ModelSize, type ModelSizeName } from './sizes';

/** Name of a size (`revcol_base`) or of a published weight set (`revcol_base.in1k`). */
export type ModelName = ModelSizeName | PretrainedName;

/** What is known of one model name. */
export interface ModelRecord {
  readonly name: ModelName;
  /** The architecture. */
  readonly size: ModelSize;
  /** The published weights, when the name has a tag. */
  readonly weights?: PretrainedWeights;
  /**
   * Trainable parameters of the model that this name builds, with one classifier: 1000 classes
   * for a size. Undefined when the number of classes is not published.
   */
  readonly parameters?: number;
}

export interface ListModelsOptions {
  /** `true`: only published weight sets; `false`: only sizes; left out: both. */
  pretrained?: boolean;
  /** Glob over names, `*` for any text and `?` for one character, e.g. `'*_ft_in1k_*'`. */
  filter?: string;
}

function parametersWithClasses(size: ModelSize, numClasses: number): number {
  return size.parameters + (numClasses - 1000) * (size.channels[3] + 1);
}

function recordOfWeights(weights: PretrainedWeights): ModelRecord {
  const size = MODEL_SIZES[weights.size];
  return {
    name: weights.name,
    size,
    weights,
    parameters:
      weights.numClasses === undefined
        ? undefined
        : parametersWithClasses(size, weights.numClasses),
  };
}

const RECORDS: ReadonlyMap<string, ModelRecord> = new Map(
  Object.values(MODEL_SIZES).flatMap((size): [string, ModelRecord][] => [
    [size.name, { name: size.name, size, parameters: size.parameters }],
    ...Object.values(PRETRAINED_WEIGHTS)
      .filter((weights) => weights.size === size.name)
      .map((weights): [string, ModelRecord] => [weights.name, recordOfWeights(weights)]),
  ]),
);

function globToRegExp(glob: string): RegExp {
  const escaped = glob.replace(/[.+^${}()|[\]\\]/g, '\\$&');
  return new RegExp(`^${escaped.replaceAll('*', '.*').replaceAll('?', '.')}$`);
}

/**
 * Records of every size and published weight set, smallest size first.
 *
 * @example
 * listModels({ pretrained: true, filter: 'revcol_base*' }).map((record) => record.name);
 */
export function listModels({ pretrained, filter }: ListModelsOptions = {}): ModelRecord[] {
  const matches = filter === undefined ? undefined : globToRegExp(filter);
  return [...RECORDS.values()].filter(
    (record) =>
      (pretrained === undefined || pretrained === (record.weights !== undefined)) &&
      (matches === undefined || matches.test(record.name)),
  );
}

/**
 * The record of one model name.
 *
 * @throws Error for an unknown name, with the names that come nearest
 */
export function modelRecord(name: string): ModelRecord {
  const record = RECORDS.get(name);
  if (record) return record;
  const [size = '', tag] = name.split('.', 2);
  if (tag !== undefined && isModelSizeName(size)) {
    const published = listModels({ pretrained: true, filter: `${size}.*` }).map((r) => r.name);
    throw new Error(
      published.length > 0
        ? `modelRecord: '${name}' is not a published weight set; ${size} has ${published.join(', ')}`
        : `modelRecord: '${name}' is not a published weight set; no weights of ${size} were ` +
            `published, so build it without a tag and load your own checkpoint`,
    );
  }
  throw new Error(
    `modelRecord: unknown model '${name}'; nearest names: ${nearestNames(name).join(', ')}; ` +
      'listModels() gives all of them',
  );
}

/**
 * The published weights of a model name.
 *
 * @throws Error for an unknown name, and for a size without a tag, with the tags it has
 */
export function pretrainedWeights(name: string): PretrainedWeights {
  const { weights, size } = modelRecord(name);
  if (weights) return weights;
  const published = listModels({ pretrained: true, filter: `${size.name}.*` }).map((r) => r.name);
  throw new Error(
    published.length > 0
      ? `pretrainedWeights: '${name}' names an architecture; say which weights: ${published.join(', ')}`
      : `pretrainedWeights: no weights of ${name} were published; load your own checkpoint`,
  );
}

function nearestNames(name: string): string[] {
  return [...RECORDS.keys()]
    .map((candidate) => ({ candidate, distance: editDistance(name.toLowerCase(), candidate) }))
    .sort((a, b) => a.distance - b.distance)
    .slice(0, 3)
    .map(({ candidate }) => candidate);
}

/** Levenshtein distance: the fewest insertions, deletions and substitutions. */
function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const substituted = (row[j - 1] as number) + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min(substituted, (row[j] as number) + 1, (next[j - 1] as number) + 1));
    }
    row = next;
  }
  return row[b.length] as number;
}
