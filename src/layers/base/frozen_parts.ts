import type * as tfl from '@tensorflow/tfjs-layers';
type Layer = tfl.layers.Layer;

/** A layer with parts, and their paths within it. */
export interface LayerWithParts {
  readonly namedSublayers: readonly (readonly [path: string, layer: Layer])[];
}

function partsOf(layer: Layer | LayerWithParts): LayerWithParts['namedSublayers'] {
  return (layer as Partial<LayerWithParts>).namedSublayers ?? [];
}

const hyphened = (path: string) => path.replace(/_/g, '-');

/** Paths of the topmost parts that are frozen, such as `column-0` or `column-2/level-0/block-1`. */
export function frozenPaths(layer: Layer | LayerWithParts): string[] {
  return partsOf(layer).flatMap(([path, part]) =>
    part.trainable
      ? frozenPaths(part).map((below) => `${hyphened(path)}/${below}`)
      : [hyphened(path)],
  );
}

/**
 * Freezes parts.
 *
 * @param owner class name for the message
 * @throws when there is no such part, before any is frozen
 */
export function freezePaths(owner: string, layer: LayerWithParts, paths: readonly string[]): void {
  const found = paths.map((path) => {
    const part = partAt(layer, hyphened(path));
    if (part) return part;
    const known = partsOf(layer).map(([name]) => `'${hyphened(name)}'`);
    throw new Error(
      `${owner}: frozen names '${path}', which is no part of it; parts are ${known.join(', ')}, and ` +
        `what is below them`,
    );
  });
  for (const part of found) part.trainable = false;
}

function partAt(layer: Layer | LayerWithParts, path: string): Layer | undefined {
  for (const [name, part] of partsOf(layer)) {
    const own = hyphened(name);
    if (path === own) return part;
    if (!path.startsWith(`${own}/`)) continue;
    const below = partAt(part, path.slice(own.length + 1));
    if (below) return below;
  }
  return undefined;
}
