/** Masks as run lengths against pycocotools' goldens, and by properties. */
import {
  type BinaryMask,
  decodeMask,
  encodeMask,
  maskArea,
  maskBox,
  maskIoU,
  mergeMasks,
  polygonMask,
  type RunLengths,
  seededRandom,
} from 'tfjs-revcol';
import { packCounts, unpackCounts } from '../../src/coco/compressed_counts';
import { describeGoldens, readGoldenJson } from '../support/goldens';
import { runs } from '../support/runs';

interface Golden {
  masks: {
    size: [number, number];
    rows: string[] | null;
    counts: number[];
    compressed: string;
    area: number;
    bbox: number[];
  }[];
  polygons: { size: [number, number]; polygon: number[]; compressed: string; area: number }[];
  crowd: number[];
  iou: number[][];
}

const maskOf = (rows: readonly string[]): BinaryMask => ({
  width: rows[0]?.length ?? 0,
  height: rows.length,
  data: Uint8Array.from(rows.join(''), Number),
});

/** Every step of every edge, as pycocotools walks them. */
function walkedPolygon(polygon: readonly number[], [height, width]: [number, number]): BinaryMask {
  const grid = polygon.map((value) => Math.trunc(5 * value + 0.5));
  const points: [number, number][] = [];
  for (let i = 0; i < grid.length; i += 2) {
    const [fromX, fromY, toX, toY] = [0, 1, 2, 3].map(
      (j) => grid[(i + j) % grid.length] as number,
    ) as [number, number, number, number];
    const [dx, dy] = [Math.abs(toX - fromX), Math.abs(toY - fromY)];
    const isBackward = dx >= dy ? fromX > toX : fromY > toY;
    const [startX, startY] = isBackward ? [toX, toY] : [fromX, fromY];
    const [endX, endY] = isBackward ? [fromX, fromY] : [toX, toY];
    const slope = dx >= dy ? (endY - startY) / dx : (endX - startX) / dy;
    for (let d = 0; d <= Math.max(dx, dy); d++) {
      const t = isBackward ? Math.max(dx, dy) - d : d;
      if (dx >= dy) points.push([t + startX, Math.trunc(startY + slope * t + 0.5)]);
      else points.push([Math.trunc(startX + slope * t + 0.5), t + startY]);
    }
  }
  const flips = new Uint8Array(height * width + 1);
  points.forEach(([x, y], i) => {
    const [beforeX, beforeY] = points[i - 1] ?? [x, y];
    if (x === beforeX) return;
    const column = (Math.min(x, beforeX) + 0.5) / 5 - 0.5;
    if (!Number.isInteger(column) || column < 0 || column > width - 1) return;
    const row = Math.ceil(Math.min(Math.max((Math.min(y, beforeY) + 0.5) / 5 - 0.5, 0), height));
    const at = column * height + row;
    flips[at] = 1 - (flips[at] as number);
  });
  const data = new Uint8Array(height * width);
  let isSet = 0;
  for (let x = 0; x < width; x++) {
    for (let y = 0; y < height; y++) data[y * width + x] = isSet ^= flips[x * height + y] as number;
  }
  return { width, height, data };
}

/** A small mask, sparse or dense. */
function randomMask(random: ReturnType<typeof seededRandom>): BinaryMask {
  const [width, height] = [1 + random.integer(9), 1 + random.integer(9)];
  const share = [0, 0.1, 0.5, 0.9, 1][random.integer(5)] as number;
  const data = Uint8Array.from({ length: width * height }, () => Number(random.uniform() < share));
  return { width, height, data };
}

describe('masks', () => {
  test('come back, and are what their pixels say', () => {
    const random = seededRandom(1);
    for (let i = 0; i < runs(200); i++) {
      const mask = randomMask(random);
      const { width, height, data } = mask;
      const lengths = encodeMask(mask);
      expect(decodeMask(lengths)).toEqual(mask);
      expect(maskArea(lengths)).toBe(data.reduce((sum, value) => sum + value, 0));
      const set = [...data.keys()].filter((at) => data[at]);
      const [xs, ys] = [set.map((at) => at % width), set.map((at) => Math.floor(at / width))];
      const [x, y] = [Math.min(...xs), Math.min(...ys)];
      const box = [x, y, Math.max(...xs) - x + 1, Math.max(...ys) - y + 1];
      expect(maskBox(lengths)).toEqual(set.length === 0 ? [0, 0, 0, 0] : box);
      const other = Uint8Array.from(data, () => random.integer(2));
      const second = encodeMask({ width, height, data: other });
      const merged = (both: (a: number, b: number) => number) =>
        data.map((value, at) => both(value, other[at] as number));
      const [union, common] = [merged(Math.max), merged(Math.min)];
      expect(decodeMask(mergeMasks([lengths, second])).data).toEqual(union);
      expect(decodeMask(mergeMasks([lengths, second], 'intersection')).data).toEqual(common);
      const count = (pixels: Uint8Array) => pixels.reduce((sum, value) => sum + value, 0);
      const share = (whole: Uint8Array) => (count(common) > 0 ? count(common) / count(whole) : 0);
      expect(maskIoU([lengths], [second, second], [false, true])).toEqual([
        [share(union), share(data)],
      ]);
    }
  });

  test('any byte but 0 is set; runs of no pixels are none', () => {
    const data = Uint8Array.of(0, 255, 7, 0);
    expect(encodeMask({ width: 1, height: 4, data })).toEqual({ size: [4, 1], counts: '121' });
    const counts = [0, 0, 1, 0, 0, 2, 0, 0, 1];
    expect(maskBox({ size: [4, 1], counts })).toEqual([0, 1, 1, 2]);
    expect(mergeMasks([{ size: [4, 1], counts }])).toEqual({ size: [4, 1], counts: '121' });
  });

  test('lengths beyond 32 bits of a difference, and of many characters', () => {
    const counts = [1, 2 ** 31, 5, 1, 2 ** 31, 2 ** 20];
    expect(unpackCounts(packCounts(counts))).toEqual(counts);
    expect(maskArea({ size: [65535, 65536], counts: [0, 65535 * 65536] })).toBe(65535 * 65536);
  });

  test('polygons, as those that are walked step by step', () => {
    const random = seededRandom(2);
    for (let i = 0; i < runs(200); i++) {
      const size: [number, number] = [1 + random.integer(20), 1 + random.integer(20)];
      const grid = [1, 2, 5, 100][random.integer(4)] as number;
      const reach = random.integer(10) === 0 ? 400 : 40;
      const polygon = Array.from({ length: 6 + 2 * random.integer(5) }, () =>
        random.integer(3) === 0
          ? random.integer(20)
          : Math.round(grid * random.between(10 - reach / 2, 10 + reach / 2)) / grid,
      );
      expect(decodeMask(polygonMask([polygon], size))).toEqual(walkedPolygon(polygon, size));
    }
  });

  test('polygons far outside take no time, and their union is what is meant', () => {
    const far = [-3e8, -3e8, 3e8, -3e8, 3e8, 3e8, -3e8, 3e8];
    expect(maskArea(polygonMask([far], [30, 40]))).toBe(1200);
    expect(() => polygonMask([[0, 0, 4e8, 0, 4e8, 1]], [1, 2 ** 32 - 1])).toThrow(
      /crosses more than 16777216 columns of a picture of 1 x 4294967295 pixels/,
    );
    const left = [0, 0, 4, 0, 4, 4, 0, 4];
    const both = polygonMask([left, [2, 0, 6, 0, 6, 4, 2, 4]], [4, 8]);
    expect(both).toEqual(mergeMasks([polygonMask([[0, 0, 6, 0, 6, 4, 0, 4]], [4, 8])]));
    expect(maskArea(polygonMask([[1, 1, 1, 1, 1, 1]], [4, 8]))).toBe(0);
  });
});

describe('what is no mask', () => {
  const size = [2, 2] as const;
  test.each<[string, unknown, RegExp]>([
    ['no counts', { size }, /mask is .*expected run lengths/],
    ['a negative length', { size, counts: [5, -1] }, /a length of -1; expected whole numbers/],
    ['half a length', { size, counts: [1.5, 2.5] }, /a length of 1\.5/],
    ['no number', { size, counts: [NaN, 4] }, /a length of NaN/],
    ['too few', { size, counts: [1, 2] }, /add up to 3 pixels; expected 4, 2 rows of 2/],
    ['too many', { size, counts: '9' }, /add up to 9 pixels/],
    ['other characters', { size, counts: '1 3' }, /the character " " at 1 is none of the 64/],
    ['a text that is cut short', { size, counts: '1S' }, /cut short/],
    ['a length without end', { size, counts: 'o'.repeat(50) }, /too large/],
    ['a negative length as text', { size, counts: 'O4' }, /a length of -1/],
    ['no size', { counts: [4] }, /the size of mask is undefined; expected \[height, width\]/],
    ['no pixel', { size: [0, 4], counts: [0] }, /the size of mask is \[0, 4\]/],
    ['too many pixels', { size: [1e5, 1e5], counts: [1e10] }, /at most 4294967295 of them/],
  ])('%s', (_, mask, message) => {
    expect(() => decodeMask(mask as RunLengths)).toThrow(message);
  });

  test('bytes, polygons and sizes that do not fit', () => {
    const data = new Uint8Array(3);
    expect(() => encodeMask({ width: 2, height: 2, data })).toThrow(/is 3; expected 4 bytes/);
    expect(() => polygonMask([], size)).toThrow(/polygons is \[\]; expected polygons/);
    expect(() => polygonMask([[0, 0, 1, 1]], size)).toThrow(
      /a polygon \[0, 0, 1, 1\]; .*three corners/,
    );
    expect(() => polygonMask([[0, 0, 1, 1, 2, NaN]], size)).toThrow(/the coordinate NaN/);
    expect(() => polygonMask([[0, 0, 1, 1, 2, 1e12]], size)).toThrow(/coordinate 1000000000000/);
    const [a, b] = [
      encodeMask({ width: 3, height: 1, data }),
      encodeMask({ width: 1, height: 3, data }),
    ];
    expect(() => mergeMasks([a, b])).toThrow(/masks are of 3 x 1 and of 1 x 3 pixels/);
    expect(() => maskIoU([a], [b])).toThrow(/expected one size/);
    expect(() => mergeMasks([])).toThrow(/one mask or more/);
    expect(maskIoU([], [b])).toEqual([]);
    expect(maskIoU([b], [])).toEqual([[]]);
  });
});

describeGoldens('run lengths of pycocotools', () => {
  const golden = () => readGoldenJson('run_lengths.json') as Golden;

  test('masks, in both directions', () => {
    for (const { size, rows, counts, compressed, area, bbox } of golden().masks) {
      const mask = rows ? maskOf(rows) : decodeMask({ size, counts });
      expect(encodeMask(mask)).toEqual({ size, counts: compressed });
      for (const given of [counts, compressed]) {
        const lengths: RunLengths = { size, counts: given };
        expect(decodeMask(lengths)).toEqual(mask);
        expect(maskArea(lengths)).toBe(area);
        expect(maskBox(lengths)).toEqual(bbox);
        expect(mergeMasks([lengths])).toEqual({ size, counts: compressed });
      }
      expect(unpackCounts(compressed)).toEqual(counts);
    }
  });

  test('polygons', () => {
    for (const { size, polygon, compressed, area } of golden().polygons) {
      const mask = polygonMask([polygon], size);
      expect(mask).toEqual({ size, counts: compressed });
      expect(maskArea(mask)).toBe(area);
    }
  });

  test('overlaps, with crowds', () => {
    const { polygons, crowd, iou } = golden();
    const masks = polygons.map(({ size, compressed }) => ({ size, counts: compressed }));
    expect(maskIoU(masks, masks, crowd.map(Boolean))).toEqual(iou);
  });
});
