/** `tfjs-revcol inspect`: what is in a checkpoint, or in a training that was saved. */
import type { Command } from 'commander';

import { shownSource } from '../common/url';
import {
  type Architecture,
  architectureOf,
  type DetectorTensors,
  type SegmentationHeads,
} from '../convert/architecture';
import { manifestIn } from '../training/training_file';
import type { Checkpoint } from '../weights/checkpoint';
import { openCheckpoint } from '../weights/open_checkpoint';
import { underPrefix } from '../weights/select_tensors';
import { withNotice } from './base/download_notice';
import { addPartOptions } from './base/options';
import type { Terminal } from './base/terminal';
import { bytesText, linesOf, millionsText, table } from './base/text';
import { type TrainingFacts, trainingFacts, trainingLines } from './inspect_training';

interface InspectOptions {
  key?: string;
  prefix?: string;
  tensors: boolean;
  json?: boolean;
}

export function addInspectCommand(program: Command, terminal: Terminal): void {
  const command = program
    .command('inspect')
    .description(
      'show the tensors of a checkpoint or a saved training, and what it is; runs nothing in the file',
    )
    .argument('<file>', '.pth, .safetensors or index.json, a path or a URL');
  addPartOptions(command)
    .option('--no-tensors', 'only the summary')
    .option('--json', 'as JSON')
    .addHelpText(
      'after',
      `
Examples:
  $ tfjs-revcol inspect revcol_tiny_1k.pth
  $ tfjs-revcol inspect --no-tensors https://example.org/model.safetensors
  $ tfjs-revcol inspect ckpt_epoch_299.pth --key state_dict_ema
  $ tfjs-revcol inspect distilled.safetensors --prefix teacher.`,
    )
    .action(async (file: string, { key, prefix, tensors, json }: InspectOptions) => {
      const opened = await withNotice(file, terminal, (telling) =>
        openCheckpoint(file, { key, ...telling }),
      );
      try {
        const checkpoint = prefix === undefined ? opened : underPrefix(opened, prefix);
        const manifest = await manifestIn(shownSource(file), opened);
        const training = manifest && trainingFacts(manifest, opened);
        terminal.out(json ? asJson(checkpoint, training) : asText(checkpoint, training, tensors));
      } finally {
        await opened.close();
      }
    });
}

function elements(shape: readonly number[]): number {
  return shape.reduce((product, size) => product * size, 1);
}

function architectureOrReason(checkpoint: Checkpoint): Architecture | { error: string } {
  try {
    return architectureOf(checkpoint.entries);
  } catch (error) {
    return { error: (error as Error).message };
  }
}

function asJson(checkpoint: Checkpoint, training: TrainingFacts | null): string {
  const summary = {
    format: checkpoint.format,
    ...(training ? { training } : { architecture: architectureOrReason(checkpoint) }),
    metadata: [...checkpoint.metadata.keys()],
    tensors: [...checkpoint.entries].map(([name, { shape, dtype, bytes }]) => ({
      name,
      shape,
      dtype,
      bytes,
    })),
  };
  return `${JSON.stringify(summary, null, 2)}\n`;
}

function asText(checkpoint: Checkpoint, training: TrainingFacts | null, tensors: boolean): string {
  const entries = [...checkpoint.entries];
  const rows = entries.map(([name, { shape, dtype }]) => [name, `[${shape.join(', ')}]`, dtype]);
  const count = entries.reduce((sum, [, { shape }]) => sum + elements(shape), 0);
  const bytes = entries.reduce((sum, [, entry]) => sum + entry.bytes, 0);
  const dtypes = [...new Set(entries.map(([, { dtype }]) => dtype))].join(', ');
  const lines = [
    `format:   ${checkpoint.format}`,
    `tensors:  ${entries.length}, ${millionsText(count)} values, ${bytesText(bytes)}, ${dtypes}`,
    ...(training ? trainingLines(training) : modelLines(architectureOrReason(checkpoint))),
  ];
  if (checkpoint.metadata.size > 0 && !training) {
    lines.push(`also has: ${[...checkpoint.metadata.keys()].join(', ')}`);
  }
  const listing = tensors ? `${table(['tensor', 'shape', 'dtype'], rows)}\n\n` : '';
  return `${listing}${linesOf(...lines)}`;
}

function modelLines(architecture: Architecture | { error: string }): string[] {
  if ('error' in architecture) return [`model:    ${architecture.error}`];
  const { size, columns, channels, depths, kernelSize, patchSize, topFusion } = architecture;
  const { numClasses, supervised, segmentation, detection, prefix } = architecture;
  const dense = segmentation
    ? segmentationText(segmentation)
    : detection && detectorText(detection);
  return [
    `model:    ${size ?? 'a RevCol of no published size'}: ${columns} columns, channels ` +
      `${channels.join(' ')}, depths ${depths.join(' ')}, kernel ${kernelSize}, patch ${patchSize}` +
      (topFusion ? ', Huge fusion' : ''),
    dense
      ? `head:     ${dense}`
      : `head:     ${numClasses === undefined ? 'none' : `${numClasses} classes`}` +
        (supervised ? ', intermediate supervision' : ''),
    ...(prefix ? [`prefix:   ${prefix}`] : []),
  ];
}

function detectorText(tensors: DetectorTensors): string {
  const { numClasses, pyramidChannels, hiddenChannels, anchors, heads, hasMasks } = tensors;
  const known = (value: number | undefined) => value ?? 'unknown';
  return (
    `${heads} box heads${hasMasks ? ' and mask heads' : ''}, ${known(numClasses)} classes, ` +
    `${known(pyramidChannels)} channels, ${known(hiddenChannels)} hidden, ${known(anchors)} anchors`
  );
}

function segmentationText(heads: SegmentationHeads): string {
  const { head, numClasses, headChannels, poolings, auxiliaryHead } = heads;
  const kind =
    head === 'upernet'
      ? `UPerNet, ${headChannels ?? 'unknown'} channels, pooled to ${poolings} grids`
      : 'a segmentation head that is no UPerNet';
  return (
    `${kind}, ${numClasses ?? 'an unknown number of'} classes` +
    (auxiliaryHead ? ', auxiliary head' : '')
  );
}
