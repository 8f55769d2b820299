/** The items that scenes are made of: pictures of Fashion-MNIST, and their outlines. */
import { FASHION_CLASSES } from '../pictures/fashion_classes';
import { readIdx } from '../pictures/idx';

/** Names by class of an item. */
export const ITEM_CLASSES = FASHION_CLASSES;

/** Side of a picture of an item, in pixels. */
export const ITEM_SIDE = 28;

/** Up to here a pixel is ground: the published pictures have a little noise around the items. */
const GROUND = 8;

/** A picture of an item. */
export interface Item {
  /** Grey values, row by row, `ITEM_SIDE` in square. */
  readonly grey: Uint8Array;
  /** 1 within the outline of the item, dark places included, else 0. */
  readonly outline: Uint8Array;
  /** Class, 0..9. */
  readonly label: number;
}

/** Items by number. */
export interface Items {
  readonly count: number;
  item(index: number): Item;
}

/**
 * Reads the items of a part of the official split, which no other part has.
 *
 * @param folder with the files as they are published (https://github.com/zalandoresearch/fashion-mnist, MIT)
 */
export function readItems(folder: string, part: 'train' | 'test'): Items {
  const { count, height, width, pixels, labels } = readIdx(
    folder,
    part === 'train' ? 'train' : 't10k',
  );
  if (height !== ITEM_SIDE || width !== ITEM_SIDE) {
    throw new Error(`${folder}: pictures of ${height} x ${width}; expected those of Fashion-MNIST`);
  }
  const size = height * width;
  return {
    count,
    item: (index) => {
      const grey = new Uint8Array(pixels.subarray(index * size, (index + 1) * size));
      return { grey, outline: outlineOf(grey), label: labels[index] as number };
    },
  };
}

/** All that the ground does not reach from the border, by steps to the four sides. */
function outlineOf(grey: Uint8Array): Uint8Array {
  const outline = new Uint8Array(grey.length).fill(1);
  const waiting: number[] = [];
  const visit = (x: number, y: number) => {
    const isInside = x >= 0 && y >= 0 && x < ITEM_SIDE && y < ITEM_SIDE;
    const at = ITEM_SIDE * y + x;
    if (!isInside || outline[at] === 0 || (grey[at] as number) > GROUND) return;
    outline[at] = 0;
    waiting.push(at);
  };
  for (let i = 0; i < ITEM_SIDE; i++) {
    visit(i, 0);
    visit(i, ITEM_SIDE - 1);
    visit(0, i);
    visit(ITEM_SIDE - 1, i);
  }
  for (let at = waiting.pop(); at !== undefined; at = waiting.pop()) {
    const [x, y] = [at % ITEM_SIDE, Math.floor(at / ITEM_SIDE)];
    visit(x - 1, y);
    visit(x + 1, y);
    visit(x, y - 1);
    visit(x, y + 1);
  }
  return outline;
}
