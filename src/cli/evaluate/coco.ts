/** `tfjs-revcol evaluate --coco`: how good the results of a detector are, by COCO's evaluation. */
import { basename } from 'node:path';
import { type Command, InvalidArgumentError, Option } from 'commander';

import { type CocoDataset, parseCoco, parseJson } from '../../coco/dataset';
import { type CocoResult, parseCocoResults } from '../../coco/results';
import type { DetectionKind } from '../../evaluation/coco_objects';
import { evaluateCoco } from '../../evaluation/evaluate_coco';
import type { AveragePrecisionResult, DetectionLimits } from '../../evaluation/precision_summary';
import { givenText } from '../base/given_file';
import type { Terminal } from '../base/terminal';
import { table } from '../base/text';

/** Options of `evaluate` that belong to COCO's files. */
export interface CocoOptions {
  coco?: string;
  results?: string;
  kind?: DetectionKind;
  limits?: DetectionLimits;
  json?: boolean;
}

/** The only ones that go with `--coco`. */
const OWN = ['coco', 'results', 'kind', 'limits', 'json'];

export function addCocoOptions(command: Command): Command {
  return command
    .option('--coco <file>', "COCO's JSON of annotations: evaluates --results, without a model")
    .option('--results <file>', "a detector's results on its pictures, COCO's JSON")
    .addOption(
      new Option('--kind <kind>', 'what of the results; default: whatever they have').choices([
        'box',
        'mask',
      ]),
    )
    .option('--limits <counts>', 'most objects in a picture; default: 1,10,100', limitsOf);
}

/**
 * Evaluates files of COCO's JSON.
 *
 * @param command of which the options are
 * @throws {Error} when options of classifiers are given, too, or a file is missing or malformed
 */
export async function evaluateCocoFiles(
  folder: string | undefined,
  options: CocoOptions,
  command: Command,
  terminal: Terminal,
): Promise<void> {
  const { coco, results } = options;
  if (coco === undefined || results === undefined) {
    throw new Error(
      '--coco, the annotations, and --results, what a detector found, go together; give both files',
    );
  }
  const others = command.options.filter(
    (option) =>
      command.getOptionValueSource(option.attributeName()) === 'cli' &&
      !OWN.includes(option.attributeName()),
  );
  const [other] = folder === undefined ? others.map(({ long }) => long) : [`the folder ${folder}`];
  if (other === '--split') {
    throw new Error(
      `--split is for folders of pictures; ${coco} is of one part: give the annotations and results of the part that is ` +
        'meant',
    );
  }
  if (other !== undefined) {
    throw new Error(
      `${other} is for classifiers; with --coco give --results, and --kind, --limits or --json`,
    );
  }
  const dataset = parseCoco(await givenText(coco), coco);
  const list = parseJson('evaluate', await givenText(results), results);
  if (typeof list === 'object' && list !== null && 'annotations' in list) {
    throw new Error(
      `${results} is no list of results: it has annotations of its own, as detect writes them without --coco; run ` +
        `detect --coco ${coco} --score 0.05, whose ${basename(results)} has the numbers of its pictures and classes`,
    );
  }
  const found = parseCocoResults(list, dataset, results);
  const { kind, limits } = options;
  const kinds = kind === undefined ? kindsOf(dataset, found) : [kind];
  const all = kinds.map((one) => [one, evaluate(dataset, found, one, limits)] as const);
  terminal.out(
    options.json
      ? `${JSON.stringify(Object.fromEntries(all.map(([one, result]) => [one, named(result, dataset)])), null, 2)}\n`
      : asText(all, dataset),
  );
}

function evaluate(
  dataset: CocoDataset,
  results: readonly CocoResult[],
  kind: DetectionKind,
  maxDetections: DetectionLimits | undefined,
): AveragePrecisionResult {
  return evaluateCoco(dataset, results, { kind, maxDetections });
}

/** What results have, and annotations too: boxes, masks, or both. */
function kindsOf({ annotations }: CocoDataset, results: readonly CocoResult[]): DetectionKind[] {
  const hasMasks =
    results.some(({ segmentation }) => segmentation) &&
    annotations.some(({ segmentation }) => segmentation);
  const hasBoxes = results.some(({ bbox }) => bbox);
  return hasMasks ? (hasBoxes ? ['box', 'mask'] : ['mask']) : ['box'];
}

/** With the names of the classes. */
function named(result: AveragePrecisionResult, { categories }: CocoDataset): unknown {
  const names = new Map(categories.map(({ id, name }) => [id, name]));
  return {
    ...result,
    categories: result.categories.map((one) => ({ ...one, name: names.get(one.id) })),
  };
}

type Evaluated = readonly (readonly [DetectionKind, AveragePrecisionResult])[];

/** Tables for people; figures in per cent. */
function asText(all: Evaluated, { categories, images }: CocoDataset): string {
  const blocks = [
    `${images.length} pictures; AP and AR in per cent`,
    table(
      ['', 'AP', 'AP50', 'AP75', 'small', 'medium', 'large'],
      all.map(([kind, { AP, AP50, AP75, APs, APm, APl }]) => [
        kind,
        ...[AP, AP50, AP75, APs, APm, APl].map(figure),
      ]),
    ),
    table(
      [
        '',
        ...(all[0]?.[1].maxDetections ?? []).map((most) => `AR ${most}`),
        'small',
        'medium',
        'large',
      ],
      all.map(([kind, { AR, ARs, ARm, ARl }]) => [kind, ...[...AR, ARs, ARm, ARl].map(figure)]),
    ),
    table(
      ['class', 'objects', ...all.flatMap(([kind]) => [`${kind} AP`, 'AP50', 'AR'])],
      categories.map(({ name }, i) => [
        name,
        all[0]?.[1].categories[i]?.objects ?? 0,
        ...all.flatMap(([, result]) => {
          const { AP = -1, AP50 = -1, AR = -1 } = result.categories[i] ?? {};
          return [AP, AP50, AR].map(figure);
        }),
      ]),
    ),
  ];
  return `${blocks.join('\n\n')}\n`;
}

/** -1: there is none. */
function figure(share: number): string | undefined {
  return share === -1 ? undefined : (100 * share).toFixed(1);
}

/** Three counts with commas between. */
function limitsOf(text: string): DetectionLimits {
  const counts = text.split(',').map((part) => (part.trim() === '' ? NaN : Number(part)));
  const fits = counts.every((count, i) => Number.isInteger(count) && count > (counts[i - 1] ?? 0));
  if (counts.length === 3 && fits) return counts as unknown as DetectionLimits;
  throw new InvalidArgumentError('expected three ascending counts, such as 1,10,100.');
}
