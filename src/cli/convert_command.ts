/** `tfjs-revcol convert`: a checkpoint or a saved model to a tfjs model or to safetensors. */
import { readdir, stat } from 'node:fs/promises';
import { basename } from 'node:path';
import { type Command, Option } from 'commander';

import { ifThere } from '../common/if_there';
import { shownSource } from '../common/url';
import { architectureOf } from '../convert/architecture';
import { convertCheckpoint } from '../convert/convert_checkpoint';
import { folderSink } from '../convert/model_sinks';
import { WEIGHT_DTYPES, type WeightDType } from '../convert/quantize';
import { REVCOL_ARCHITECTURES } from '../registry/architectures';
import { PRETRAINED_WEIGHTS } from '../registry/pretrained';
import { recordMetadata } from '../registry/record_metadata';
import { requirePath } from '../weights/bytes/sink';
import type { Checkpoint } from '../weights/checkpoint';
import {
  factsOf,
  metadataOfClasses,
  metadataStrings,
  readMetadata,
} from '../weights/checkpoint_metadata';
import { withInputChannels } from '../weights/input_channels';
import { labelStrings, readLabels } from '../weights/label_metadata';
import { findPrefix, withoutPrefix } from '../weights/names/published_names';
import { openCheckpoint } from '../weights/open_checkpoint';
import { writeSafetensors } from '../weights/safetensors/writer';
import { underPrefix } from '../weights/select_tensors';
import { activateBackend } from './base/backend';
import { withNotice } from './base/download_notice';
import { interruptible } from './base/interrupt';
import { addDownloadOptions, addPartOptions, inputSizeOption, integer } from './base/options';
import { type Terminal, withProgress } from './base/terminal';
import { bytesText, few, linesOf, percent } from './base/text';
import { checkpointOfFolder } from './convert_folder';
import { assumedPreparation } from './models/assumed_preparation';
import { modelFile } from './models/classifier';
import { type DownloadOptions, findWeights, type WeightsSource } from './models/weights_source';

interface ConvertCommandOptions extends DownloadOptions {
  to?: 'tfjs' | 'safetensors';
  dtype: WeightDType;
  key?: string;
  prefix?: string;
  inputChannels?: number;
  inputSize?: number;
  force?: boolean;
}

export function addConvertCommand(program: Command, terminal: Terminal): void {
  const command = program
    .command('convert')
    .description(
      'convert a checkpoint, or a model that train saved, to a tfjs layers-model or to safetensors',
    )
    .argument(
      '<in>',
      '.pth or .safetensors (path or URL), folder that train or convert made, or published weights',
    )
    .argument('<out>', 'folder for tfjs, file for safetensors')
    .addOption(
      new Option('--to <format>', 'what to write; default: told by the ending of <out>').choices([
        'tfjs',
        'safetensors',
      ]),
    )
    .addOption(
      new Option('--dtype <dtype>', 'precision that kernels are stored in (tfjs only)')
        .choices(WEIGHT_DTYPES as string[])
        .default('float32'),
    )
    .addOption(inputSizeOption())
    .option(
      '--input-channels <count>',
      'of the images; weights of RGB images are adapted as in timm',
      integer(1),
    )
    .option('-f, --force', 'replace an existing .safetensors file');
  addDownloadOptions(addPartOptions(command))
    .addHelpText(
      'after',
      `
Examples:
  $ tfjs-revcol convert revcol_tiny_1k.pth web/revcol_tiny --dtype float16
  $ tfjs-revcol convert revcol_base.in22k_ft_in1k_384 web/revcol_base
  $ tfjs-revcol convert ckpt_epoch_299.pth ema.safetensors --key state_dict_ema
  $ tfjs-revcol convert distilled.pth web/teacher --prefix teacher.
  $ tfjs-revcol convert out/pets pets.safetensors
  $ tfjs-revcol convert out/pets web/pets --dtype float16
  $ tfjs-revcol convert revcol_tiny.in1k web/xray --input-channels 1`,
    )
    .action(async (from: string, to: string, options: ConvertCommandOptions) => {
      const format = options.to ?? (/\.safetensors$/i.test(to) ? 'safetensors' : 'tfjs');
      if (format === 'safetensors' && options.dtype !== 'float32') {
        throw new Error(`--dtype ${options.dtype} is for tfjs; safetensors are written as float32`);
      }
      await requireFree(to, format, options);
      const folder = await modelFile(from);
      const weights =
        folder === undefined ? await findWeights(from, options, terminal) : { source: folder };
      await interruptible(async (signal) => {
        const opened = await (folder === undefined
          ? withNotice(weights.source, terminal, (telling) =>
              openCheckpoint(weights.source, { key: options.key, signal, ...telling }),
            )
          : openCheckpoint(await checkpointOfFolder(folder, { ...options, signal })));
        try {
          const checkpoint = chosenPart(opened, options);
          await (format === 'tfjs'
            ? toTfjs(checkpoint, weights, to, { ...options, signal }, terminal)
            : toSafetensors(checkpoint, weights, to, signal, terminal));
        } finally {
          await opened.close();
        }
      });
    });
}

/** Looks at the output before the work: a download may take minutes. */
async function requireFree(
  to: string,
  format: 'tfjs' | 'safetensors',
  { to: asked, force }: ConvertCommandOptions,
): Promise<void> {
  requirePath(to);
  const found = await ifThere(stat(to));
  // A name of published weights has what looks like an ending.
  const isName = Object.hasOwn(PRETRAINED_WEIGHTS, basename(to));
  const ending = /(?<=[^/\\.])\.[a-z]\w*$/i.exec(to)?.[0];
  if (format === 'tfjs' && asked === undefined && ending && !isName && !found?.isDirectory()) {
    throw new Error(
      `${to}: nothing is written as ${ending}; give a file ending in .safetensors, or a folder ` +
        '(--to tfjs for a folder of this very name)',
    );
  }
  if (!found) return;
  if (format === 'safetensors') {
    if (!found.isFile()) throw new Error(`${to} is there and no file; choose another name`);
    if (!force) throw new Error(`${to} exists; --force replaces it`);
  } else if (!found.isDirectory()) {
    throw new Error(`${to} exists and is not a folder; choose another name`);
  } else if ((await readdir(to)).length > 0) {
    throw new Error(`folder ${to} is not empty; choose another or empty it`);
  }
}

/** The set of weights that was asked for, for images of as many channels. */
function chosenPart(
  opened: Checkpoint,
  { prefix, inputChannels }: ConvertCommandOptions,
): Checkpoint {
  const checkpoint = prefix === undefined ? opened : underPrefix(opened, prefix);
  return inputChannels === undefined ? checkpoint : withInputChannels(checkpoint, inputChannels);
}

async function toTfjs(
  checkpoint: Checkpoint,
  { source, record }: WeightsSource,
  folder: string,
  { dtype, inputSize, signal }: ConvertCommandOptions & { signal: AbortSignal },
  terminal: Terminal,
): Promise<void> {
  // Only to describe the layers: whatever backend there is will do.
  await activateBackend();
  const { size, numClasses, inputChannels } = architectureOf(checkpoint.entries);
  const side = size === undefined ? 224 : REVCOL_ARCHITECTURES[size].imageSize;
  const found = metadataOfClasses(checkpoint, numClasses);
  const [told, saved] = [factsOf(found), found?.inputSize];
  const [height, width] = saved ?? record?.inputSize ?? [side, side];
  const sink = await folderSink(folder);
  const { model, bytes, unused } = await withProgress(terminal, folder, percent, (report) =>
    convertCheckpoint(checkpoint, sink, {
      dtype,
      inputSize: inputSize ? [inputSize, inputSize] : [height, width],
      metadata: { ...(record && metadataOf(record, numClasses)), ...told },
      onProgress: (fraction) => report(fraction, 1),
      signal,
    }),
  );
  if (unused.length > 0) {
    terminal.error(
      linesOf(`left out ${unused.length} tensors that inference does not use: ${few(unused)}`),
    );
  }
  const isOfPictures = inputChannels === 1 || inputChannels === 3;
  const isTold = record !== undefined || told.mean !== undefined || told.std !== undefined;
  if (!isTold && numClasses !== undefined && isOfPictures) {
    const isAssumed = inputSize === undefined && saved === undefined;
    const assumedSize = isAssumed ? { assumedSize: [height, width] as const } : {};
    const untold = { name: shownSource(source), channels: inputChannels, ...assumedSize };
    terminal.error(assumedPreparation(untold));
  }
  terminal.out(linesOf(`${model}: ${bytesText(bytes)} of ${dtype} weights`));
}

/** A file of that name may hold weights that were fine-tuned for other classes. */
function metadataOf(
  record: NonNullable<WeightsSource['record']>,
  numClasses: number | undefined,
): Record<string, unknown> {
  const { name, license, origin, inputSize: sides } = record;
  return { name, license, origin, ...recordMetadata(record, { numClasses, sides }) };
}

/** What of pictures and classes a file of the same tensors says: what this one does, or the record of a classifier. */
function metadataFor(
  checkpoint: Checkpoint,
  { record }: WeightsSource,
): Readonly<Record<string, string>> {
  const labels = labelStrings(readLabels(checkpoint.metadata));
  const told = readMetadata(checkpoint);
  if (told || !record) return { ...labels, ...metadataStrings(told ?? {}) };
  const { numClasses } = architectureOf(checkpoint.entries);
  const [height, width] = record.inputSize;
  const facts = recordMetadata(record, { numClasses, sides: record.inputSize });
  const task = 'classification';
  return { ...labels, ...metadataStrings({ task, ...facts, inputSize: [height, width] }) };
}

async function toSafetensors(
  checkpoint: Checkpoint,
  weights: WeightsSource,
  file: string,
  signal: AbortSignal,
  terminal: Terminal,
): Promise<void> {
  const names = [...checkpoint.entries.keys()];
  const tensors = [...withoutPrefix(names, findPrefix(names))].map(([name, inFile]) => ({
    name,
    shape: checkpoint.entries.get(inFile)?.shape ?? [],
    read: () => checkpoint.read(inFile),
  }));
  await withProgress(terminal, file, String, (report) =>
    writeSafetensors(tensors, file, {
      metadata: { format: 'pt', ...metadataFor(checkpoint, weights) },
      onProgress: report,
      signal,
    }),
  );
  terminal.out(linesOf(`${file}: ${tensors.length} tensors, float32`));
}
