/** Paths of the parts of a model that are the same in every process, for files. */
import { normalPath, type PartTree } from './frozen_parts';

/**
 * The tree with paths in which the names that tfjs makes up (`dense_Dense7`), numbered by what a process
 * has made before, are numbered by their places in the model instead: `dense-0`.
 */
export function withStablePaths(tree: PartTree, path = ''): PartTree {
  const local = (part: { path: string }) =>
    tree.path === '' ? part.path : part.path.slice(tree.path.length + 1);
  const below = (name: string) => (path === '' ? name : `${path}/${name}`);
  const counts = new Map<string, number>();
  return {
    ...tree,
    path,
    parts: tree.parts.map((part) => {
      const made = madeUpName(part);
      if (made == null) return withStablePaths(part, below(local(part)));
      const count = counts.get(made) ?? 0;
      counts.set(made, count + 1);
      return withStablePaths(part, below(`${made}-${count}`));
    }),
    weights: tree.weights.map((node) => ({ ...node, path: below(local(node)) })),
  };
}

/** What stands before the class name and number, in the way of paths. */
function madeUpName({ layer }: PartTree): string | null {
  const end = new RegExp(`^(.+)_${layer.getClassName()}\\d+$`);
  const found = end.exec(layer.name)?.[1];
  return found == null ? null : normalPath(found);
}
