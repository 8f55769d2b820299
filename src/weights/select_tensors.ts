/** One set of weights of a checkpoint that holds several: student and teacher, model and average. */

import type { Checkpoint } from './checkpoint';
import { CheckpointError } from './errors';
import { setPrefixes } from './names/published_names';

/**
 * The tensors under a prefix, by their names without it. Reading and closing are the checkpoint's own.
 *
 * @param prefix such as `teacher.`, also without the dot, or several steps: `model.teacher`
 * @throws {CheckpointError} 'mismatch' when no tensor has the prefix
 */
export function underPrefix(checkpoint: Checkpoint, prefix: string): Checkpoint {
  const start = prefixIn(checkpoint, prefix);
  const entries = [...checkpoint.entries]
    .filter(([name]) => name.startsWith(start))
    .map(([name, entry]) => [name.slice(start.length), entry] as const);
  return {
    format: checkpoint.format,
    entries: new Map(entries),
    metadata: checkpoint.metadata,
    read: (name) => checkpoint.read(start + name),
    close: () => checkpoint.close(),
  };
}

/**
 * A prefix as it stands in the names of a file: with its dot, where it was given without.
 *
 * @throws {CheckpointError} 'mismatch' when no tensor has the prefix
 */
export function prefixIn({ entries }: Checkpoint, prefix: string): string {
  const names = [...entries.keys()];
  const starts = [prefix.replace(/\.?$/, '.'), prefix];
  const start = prefix === '' ? '' : starts.find((s) => names.some((name) => name.startsWith(s)));
  if (start !== undefined) return start;
  const sets = setPrefixes(names).map((set) => `'${set.slice(0, 80)}'`);
  throw new CheckpointError(
    'mismatch',
    `No tensor's name begins with '${prefix}'; ` +
      (sets.length > 0
        ? `what stands before the published names is ${sets.slice(0, 5).join(', ')}`
        : `the first name is ${names[0]?.slice(0, 80) ?? 'none'}`),
  );
}
