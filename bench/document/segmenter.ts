/** The section on the memory of segmenters. */
import * as fs from 'node:fs';
import * as path from 'node:path';

import { table } from '../../examples/shared/table';
import { ROOT } from '../suite/contestants';
import { megabytes } from '../suite/print';

/** Peaks of a training step in both modes, in bytes. */
export interface SegmenterStep {
  readonly columns: number;
  readonly parameters: number;
  readonly reversible: number;
  readonly stored: number;
}

/** What `bench/segmenter/memory.ts` writes. */
export interface SegmenterMemory {
  readonly command: string;
  readonly tfjs: string;
  readonly backend: string;
  readonly network: {
    readonly channels: readonly number[];
    readonly depths: readonly number[];
    readonly headChannels: number;
    readonly numClasses: number;
  };
  readonly batch: number;
  readonly side: number;
  readonly steps: readonly SegmenterStep[];
}

/** The section, of the result that is kept. */
export function segmenterSection(): string {
  const file = path.join(ROOT, 'bench/segmenter/memory.json');
  const result = JSON.parse(fs.readFileSync(file, 'utf8')) as SegmenterMemory;
  const { network, batch, side, steps, backend, tfjs, command } = result;
  const rows = steps.map(({ columns, parameters, reversible, stored }) => [
    String(columns),
    `${(parameters / 1e6).toFixed(2)} M`,
    megabytes(stored),
    megabytes(reversible),
    `${(stored / reversible).toFixed(1)}x`,
  ]);
  return `## Memory of segmenters

One training step (forward, loss of both heads, gradients, plain gradient descent) of a UPerNet with its auxiliary head on
RevCol: channels ${network.channels.join(', ')}, depths ${network.depths.join(', ')}, ${network.headChannels} channels in the head, ${network.numClasses} classes; batch ${batch}, ${side} x ${side}.
The heads keep their activations in both modes; what lies under them grows in stored mode alone.

${table(['columns', 'parameters', 'stored, peak MB', 'reversible, peak MB', 'less'], rows)}

tfjs ${tfjs}, ${backend}; peaks do not depend on the machine.

\`\`\`sh
${command}
\`\`\``;
}
