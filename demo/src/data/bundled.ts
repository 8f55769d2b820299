/** The sets of pictures that come with the page. */
import { type DataSet, holdOut } from '../shared/pictures';
import { DOODLES, drawDoodles } from './doodles';

const DIGIT_SIDE = 28;
const DOODLE_COUNT = 1200;
const DOODLE_SEED = 7;

/** Handwritten digits of MNIST, which the build puts beside the page: classes take turns. */
async function loadDigits(): Promise<DataSet> {
  const response = await fetch('digits.bin');
  if (!response.ok) {
    throw new Error(`digits.bin cannot be read (${response.status}); build the page again`);
  }
  const pixels = new Uint8Array(await response.arrayBuffer());
  const count = pixels.length / DIGIT_SIDE ** 2;
  const labels = Array.from({ length: count }, (_, i) => i % 10);
  const classNames = Array.from({ length: 10 }, (_, i) => String(i));
  return holdOut({ pixels, side: DIGIT_SIDE, channels: 1, labels }, classNames);
}

/** A bundled set; the same every time. */
export async function loadBundled(name: 'digits' | 'doodles'): Promise<DataSet> {
  if (name === 'digits') return loadDigits();
  return holdOut(drawDoodles(DOODLE_COUNT, DOODLE_SEED), [...DOODLES]);
}
