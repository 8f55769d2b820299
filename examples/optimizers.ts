/**
 * AdamW with moments in float32 against what takes less memory: moments of 8 bits, Lion, Adafactor, and adapters on
 * weights that were trained on other pictures. Each has as many tries of its learning rate as the others.
 *
 *   npx tsx examples/optimizers.ts train --data fashion-mnist      all trainings; those that are done are not repeated
 *   npx tsx examples/optimizers.ts measure --data fashion-mnist    the test parts, memory and time; writes
 *                                                                  examples/optimizers/results.json
 *   npx tsx examples/optimizers.ts document                        the table in docs/experiments.md
 */
import { writeDocument } from './optimizers/document';
import { writeResults } from './optimizers/results';
import { trainAll } from './optimizers/runs';
import { startBackend } from './shared/backend';
import { readArguments } from './shared/command';

const { values, positionals } = readArguments(import.meta.url, {
  allowPositionals: true,
  options: {
    /** The folder that holds the four files of Fashion-MNIST as they are published. */
    data: { type: 'string' },
    /** Where runs are kept. */
    out: { type: 'string', default: 'out/optimizers' },
    /** wasm, cpu or tensorflow. */
    backend: { type: 'string' },
  },
});

await main();

async function main(): Promise<void> {
  const [task = ''] = positionals;
  const { data, out, backend } = values;
  if (task === 'document') return writeDocument();
  if (task !== 'train' && task !== 'measure')
    throw new Error(`${task || 'no task'} is none of train, measure, document`);
  if (data === undefined) throw new Error('give --data, the folder of Fashion-MNIST');
  await startBackend(backend);
  await (task === 'train' ? trainAll(out, data) : writeResults(out, data));
}
