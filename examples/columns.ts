/**
 * What columns are for, in small: networks of equal size as 1, 2, 4 and 8 columns learn Fashion-MNIST, and linear
 * CKA tells what each level of each column knows of the picture and of its class (paper, section 4.5).
 *
 *   npx tsx examples/columns.ts train --data fashion-mnist      all trainings; goes on where it was stopped
 *   npx tsx examples/columns.ts measure --data fashion-mnist    accuracy on the test part, and CKA; writes
 *                                                               examples/columns/results.json
 *   npx tsx examples/columns.ts document                        docs/experiments.md and its picture
 */
import { testPart, trainingParts } from './columns/data';
import { writeDocument } from './columns/document';
import { measureAll } from './columns/measure';
import { writeResults } from './columns/results';
import { trainAll } from './columns/runs';
import { CONTESTANTS, costs } from './columns/settings';
import { startBackend } from './shared/backend';
import { readArguments } from './shared/command';

const { values, positionals } = readArguments(import.meta.url, {
  allowPositionals: true,
  options: {
    /** The folder that holds the four files as they are published. */
    data: { type: 'string' },
    out: { type: 'string', default: 'out/columns' },
    backend: { type: 'string', default: 'wasm' },
  },
});

await main();

async function main(): Promise<void> {
  const [task = ''] = positionals;
  const { data, out } = values;
  if (task === 'document') return writeDocument();
  for (const contestant of CONTESTANTS) console.log(contestant.name, costs(contestant));
  if (data === undefined) throw new Error('give --data, the folder of Fashion-MNIST');
  await startBackend(values.backend);
  const { training, heldOut } = trainingParts(data);
  if (task === 'train') return trainAll(out, training, heldOut);
  if (task !== 'measure')
    throw new Error(`${task || 'no task'} is none of train, measure, document`);
  await measureAll(out, { training, heldOut, test: testPart(data) });
  writeResults(out);
}
