/**
 * Why is an ordinary transformer better at language than reversible columns of its size, and is it still when both are
 * tuned? Each has as many tries, group by group of settings, chosen by the validation part.
 *
 *   npx tsx examples/language-tuning.ts train       all trainings; those that are done are not repeated
 *   npx tsx examples/language-tuning.ts results     gathers them in examples/language-tuning/results.json
 *   npx tsx examples/language-tuning.ts document    the tables in docs/experiments.md
 */
import { bisect } from './language-tuning/bisect';
import { writeDocument } from './language-tuning/document';
import { writeResults } from './language-tuning/results';
import { trainAll } from './language-tuning/runs';
import { startBackend } from './shared/backend';
import { readArguments } from './shared/command';

const { values, positionals } = readArguments(import.meta.url, {
  allowPositionals: true,
  options: {
    /** Where runs are kept. */
    out: { type: 'string', default: 'out/language-tuning' },
    /** How long each training is; those of other lengths are kept beside it. */
    epochs: { type: 'string', default: '8' },
    /** wasm, cpu or tensorflow. */
    backend: { type: 'string' },
  },
});

await main();

async function main(): Promise<void> {
  const [task = ''] = positionals;
  if (task === 'document') return writeDocument();
  if (task !== 'train' && task !== 'bisect' && task !== 'results')
    throw new Error(`${task || 'no task'} is none of train, bisect, results, document`);
  await startBackend(values.backend);
  const study = { out: values.out, epochs: Number(values.epochs) };
  if (task === 'bisect') return bisect(study);
  return task === 'train' ? trainAll(study) : writeResults(study);
}
