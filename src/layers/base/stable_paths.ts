/** Paths of the parts of a model that are the same in every process, for files. */
import * as tfl from '@tensorflow/tfjs-layers';

import { normalPath, type PartTree } from './frozen_parts';

/**
 * The tree with paths in which the names that tfjs makes up (`dense_Dense7`, `sequential_3` and `model2` of
 * nested models), numbered by what a process has made before, are numbered by their places in the model
 * instead: `dense-0`. So are they where they are scopes of a weight's name.
 */
export function withStablePaths(tree: PartTree, path = ''): PartTree {
  const local = (part: { path: string }) =>
    tree.path === '' ? part.path : part.path.slice(tree.path.length + 1);
  const below = (name: string) => (path === '' ? name : `${path}/${name}`);
  const counts = new Map<string, number>();
  const numbered = (made: string) => {
    const count = counts.get(made) ?? 0;
    counts.set(made, count + 1);
    return `${made}-${count}`;
  };
  const parts = tree.parts.map((part) => {
    const made = madeUpName(part, local(part));
    return withStablePaths(part, below(made == null ? local(part) : numbered(made)));
  });
  const scopes = new Map<string, string>();
  const stable = (segment: string) => {
    const made = madeUpScope(segment);
    if (made == null) return segment;
    const known = scopes.get(segment) ?? numbered(made);
    scopes.set(segment, known);
    return known;
  };
  const weights = tree.weights.map((node) => ({
    ...node,
    path: below(local(node).split('/').map(stable).join('/')),
  }));
  return { ...tree, path, parts, weights };
}

/** What stands before the number in a layer's name, in the way of paths; null: the name is no made-up one. */
function madeUpName({ layer }: PartTree, local: string): string | null {
  const cls = layer.getClassName();
  const found = new RegExp(`^(.+)_${cls}\\d+$`).exec(layer.name)?.[1];
  if (found != null) return normalPath(found);
  if (!(layer instanceof tfl.LayersModel)) return null;
  // A model that is held under a name of its holder's choice is called by that.
  if (local.replace(/#\d+$/, '') !== normalPath(layer.name)) return null;
  const isMadeUp = new RegExp(`^(?:${cls.toLowerCase()}|sequential_)\\d+$`).test(layer.name);
  return isMadeUp ? normalPath(layer.name.replace(/_?\d+$/, '')) : null;
}

/**
 * The same of a segment of a weight's path, whose class is not known: tfjs makes up the name of a class in
 * snake case, then the class itself and a number.
 */
function madeUpScope(segment: string): string | null {
  for (let at = segment.indexOf('-'); at > 0; at = segment.indexOf('-', at + 1)) {
    const [name, rest] = [segment.slice(0, at), segment.slice(at + 1).replace(/-/g, '')];
    const cls = name.replace(/-/g, '');
    if (rest.startsWith(cls) && /^\d+$/.test(rest.slice(cls.length))) return name;
  }
  return null;
}
