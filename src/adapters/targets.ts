/** Which projections of a model are to have adapters. */
import type * as tfl from '@tensorflow/tfjs-layers';

import { normalPath } from '../layers/base/frozen_parts';
import type { Projection } from '../layers/base/projections';
import { namedPathsOf, projectionsOf } from './adapter_set';

const SHOWN = 12;

/**
 * Picks projections of a model by kind, or by a part of their path, in files or with the layers' own names.
 *
 * @param targets undefined: all of them
 * @throws {Error} when a target is no kind and no part of any path, or there are no projections
 */
export function chosenProjections(
  owner: string,
  model: tfl.LayersModel,
  targets: readonly string[] | undefined,
): Projection[] {
  const all = projectionsOf(model);
  if (all.length === 0) {
    throw new Error(
      `${owner}: ${model.name} has nothing that an adapter could change; expected a RevCol backbone, a ` +
        `dense layer or a 1x1 convolution that is built`,
    );
  }
  if (targets === undefined) return all;
  const given: unknown = targets;
  if (
    !Array.isArray(given) ||
    given.length === 0 ||
    !given.every((target) => typeof target === 'string' && target !== '')
  ) {
    throw new Error(
      `${owner}: targets is ${JSON.stringify(given)}; expected a list of names, such as ['pointwise']`,
    );
  }
  const namedPaths = namedPathsOf(model);
  const chosen = new Set<Projection>();
  for (const target of targets) {
    const found = all.filter(
      ({ kind, path }, i) =>
        kind === normalPath(target) || isIn(path, target) || isIn(namedPaths[i] as string, target),
    );
    if (found.length === 0) throw unknownTarget(owner, model.name, all, target);
    for (const projection of found) chosen.add(projection);
  }
  return all.filter((projection) => chosen.has(projection));
}

/** Whether a target is whole segments of a path. */
function isIn(path: string, target: string): boolean {
  return `/${path}/`.includes(`/${normalPath(target)}/`);
}

function unknownTarget(
  owner: string,
  model: string,
  all: readonly Projection[],
  target: string,
): Error {
  const list = (names: Iterable<string>) => {
    const unique = [...new Set(names)];
    const shown = unique.slice(0, SHOWN).map((name) => `'${name}'`);
    return shown.join(', ') + (unique.length > SHOWN ? ', ...' : '');
  };
  return new Error(
    `${owner}: nothing in ${model} is called '${target}'. Kinds there: ` +
      `${list(all.map(({ kind }) => kind))}; names: ` +
      `${list(all.map(({ path }) => path.slice(path.lastIndexOf('/') + 1)))}; or part of a path, such as ` +
      `'${(all[0] as Projection).path}'`,
  );
}
