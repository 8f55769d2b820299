/** `tfjs-revcol models`: what can be built and downloaded. */
import type { Command } from 'commander';

import { listModels, type ModelRecord } from '../registry/models';
import type { Terminal } from './base/terminal';
import { bytesText, millionsText, table } from './base/text';

interface ModelsOptions {
  pretrained?: boolean;
  json?: boolean;
}

export function addModelsCommand(program: Command, terminal: Terminal): void {
  program
    .command('models')
    .description('list the model sizes and the published weights')
    .argument('[filter]', 'glob over names, e.g. "*_ft_in1k_*"')
    .option('-p, --pretrained', 'only published weights')
    .option('--json', 'full records as JSON')
    .addHelpText(
      'after',
      `
Examples:
  $ tfjs-revcol models
  $ tfjs-revcol models --pretrained "revcol_base*"
  $ tfjs-revcol models revcol_tiny.in1k --json`,
    )
    .action((filter: string | undefined, options: ModelsOptions) => {
      const records = matching(filter, options.pretrained);
      if (records.length === 0) {
        throw new Error(`no model matches '${filter}'; tfjs-revcol models lists all of them`);
      }
      terminal.out(
        options.json ? `${JSON.stringify(records, null, 2)}\n` : `${asTable(records)}\n`,
      );
    });
}

/** A size by its plain name brings its weights: `revcol_tiny` finds `revcol_tiny.in1k`, too. */
function matching(filter: string | undefined, pretrained: boolean | undefined): ModelRecord[] {
  const records = listModels({ filter, pretrained });
  if (filter === undefined || /[*?.]/.test(filter)) return records;
  return [...records, ...listModels({ filter: `${filter}.*`, pretrained })];
}

/** Classifiers, and behind them segmenters, detectors and classifiers of texts, whose figures are others. */
function asTable(records: readonly ModelRecord[]): string {
  const segmenters = records.filter(({ segmentation }) => segmentation);
  const detectors = records.filter(({ detection }) => detection);
  const texts = records.filter(({ text }) => text);
  const classifiers = records.filter(
    ({ segmentation, detection, text }) => !segmentation && !detection && !text,
  );
  return [
    ...(classifiers.length > 0 ? [classifierTable(classifiers)] : []),
    ...(segmenters.length > 0 ? [segmenterTable(segmenters)] : []),
    ...(detectors.length > 0 ? [detectorTable(detectors)] : []),
    ...(texts.length > 0 ? [textTable(texts)] : []),
  ].join('\n\n');
}

function classifierTable(records: readonly ModelRecord[]): string {
  return table(
    ['name', 'parameters', 'columns', 'input', 'classes', 'top-1 %', 'download'],
    records.map(({ name, size, weights, parameters }) => [
      name,
      millionsText(parameters),
      size.columns,
      weights && `${weights.inputSize[0]}x${weights.inputSize[1]}`,
      weights?.numClasses,
      weights?.top1?.toFixed(1),
      weights && bytesText(weights.approximateBytes),
    ]),
  );
}

function detectorTable(records: readonly ModelRecord[]): string {
  return table(
    ['detector', 'parameters', 'columns', 'input', 'classes', 'box AP', 'mask AP'],
    records.map(({ name, size, detection, parameters }) => [
      name,
      millionsText(parameters),
      size.columns,
      detection && `${detection.longSide}x${detection.shortSide}`,
      detection?.numClasses,
      detection?.boxAP.toFixed(1),
      detection?.maskAP.toFixed(1),
    ]),
  );
}

function textTable(records: readonly ModelRecord[]): string {
  return table(
    ['texts', 'parameters', 'columns', 'characters', 'classes', 'top-1 %', 'download'],
    records.map(({ name, size, text, parameters }) => [
      name,
      millionsText(parameters),
      size.columns,
      text?.maxLength,
      text?.numClasses,
      text?.top1.toFixed(1),
      text && bytesText(text.approximateBytes),
    ]),
  );
}

function segmenterTable(records: readonly ModelRecord[]): string {
  return table(
    ['segmenter', 'parameters', 'columns', 'windows', 'classes', 'mIoU %'],
    records.map(({ name, size, segmentation, parameters }) => [
      name,
      millionsText(parameters),
      size.columns,
      segmentation && `${segmentation.inputSize[0]}x${segmentation.inputSize[1]}`,
      segmentation?.numClasses,
      segmentation?.mIoU.toFixed(1),
    ]),
  );
}
