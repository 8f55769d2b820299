/** The sets of pictures that come with the page. */
import { CLASS_NAMES } from '../shared/classes';
import type { ShippedName } from '../shared/network';
import { type DataSet, holdOut } from '../shared/pictures';
import { DOODLES, drawDoodles } from './doodles';

export type BundledName = ShippedName | 'doodles';

const SIDE = 28;
const DOODLE_COUNT = 1200;
const DOODLE_SEED = 7;

/** Grey pictures that the build puts beside the page: classes take turns. */
async function loadFile(name: ShippedName): Promise<DataSet> {
  const response = await fetch(`${name}.bin`);
  if (!response.ok) {
    throw new Error(`${name}.bin cannot be read (${response.status}); build the page again`);
  }
  const pixels = new Uint8Array(await response.arrayBuffer());
  const classNames = CLASS_NAMES[name];
  const count = pixels.length / SIDE ** 2;
  const labels = Array.from({ length: count }, (_, i) => i % classNames.length);
  return holdOut({ pixels, side: SIDE, channels: 1, labels }, [...classNames]);
}

const loadDoodles = () =>
  Promise.resolve(holdOut(drawDoodles(DOODLE_COUNT, DOODLE_SEED), [...DOODLES]));

/** Sets that have been asked for, but for those that could not be had. */
const known = new Map<BundledName, Promise<DataSet>>();

/** A bundled set; the same every time. */
export function loadBundled(name: BundledName): Promise<DataSet> {
  const before = known.get(name);
  if (before) return before;
  const loading = name === 'doodles' ? loadDoodles() : loadFile(name);
  known.set(name, loading);
  loading.catch(() => known.delete(name));
  return loading;
}
