/** Polygons as masks, pixel by pixel as pycocotools' `frPyObjects` makes them. */
import { combineRuns, type Runs, runsByEnds } from './runs';

/** Corners `x, y, x, y, ...` in pixels; the last is joined to the first. */
export type Ring = readonly number[];

/** Corners lie on a grid of fifths of a pixel. */
const SCALE = 5;

/** The largest coordinate whose place on the grid is an int32. */
export const MOST_COORDINATE = 4e8;

/** Columns of pixels that the edges of a polygon may cross, all together. */
const MOST_CROSSINGS = 2 ** 24;

/** The union of polygons. */
export function runsOfPolygon(height: number, width: number, rings: readonly Ring[]): Runs {
  const none = runsByEnds(height, width, [height * width]);
  return rings
    .map((ring) => runsOfRing(height, width, ring))
    .reduce((union, runs) => combineRuns(union, runs, 'union'), none);
}

/**
 * One polygon. Its edges are walked on the grid in steps along their longer axis, the other coordinate
 * rounded at each. Where a step passes the middle of a pixel column, everything from the pixel below on
 * (and in all columns behind it) changes between set and not set. Instead of walking, the steps that pass
 * a middle are computed, so that an edge takes no longer than the picture is wide.
 */
function runsOfRing(height: number, width: number, ring: Ring): Runs {
  const grid = ring.map((value) => Math.trunc(SCALE * value + 0.5));
  const changes: number[] = [];
  for (let i = 0; i < grid.length; i += 2) {
    const next = (i + 2) % grid.length;
    const [fromX, fromY] = [grid[i] as number, grid[i + 1] as number];
    const [toX, toY] = [grid[next] as number, grid[next + 1] as number];
    const middle = Math.trunc(SCALE / 2);
    const first = Math.max(0, Math.ceil((Math.min(fromX, toX) - middle) / SCALE));
    const last = Math.min(width - 1, Math.ceil((Math.max(fromX, toX) - middle) / SCALE) - 1);
    if (first > last) continue;
    if (changes.length + last - first >= MOST_CROSSINGS) {
      throw new Error(
        `a polygon crosses more than ${MOST_CROSSINGS} columns of a picture of ${height} x ${width} pixels; give the ` +
          'size that the picture has',
      );
    }
    const heightAt = crossings(fromX, fromY, toX, toY);
    for (let column = first; column <= last; column++) {
      const y = (heightAt(SCALE * column + middle) + 0.5) / SCALE - 0.5;
      changes.push(column * height + Math.ceil(Math.min(Math.max(y, 0), height)));
    }
  }
  const ends = Float64Array.from(changes).sort();
  return runsByEnds(height, width, [...ends, height * width]);
}

/**
 * Gives the lower y of the two steps of an edge between which x goes from a value to the next, or back.
 * Steps are counted from the end where the longer axis is smaller, whichever way the edge is walked.
 */
function crossings(fromX: number, fromY: number, toX: number, toY: number): (x: number) => number {
  const [dx, dy] = [Math.abs(toX - fromX), Math.abs(toY - fromY)];
  const isWide = dx >= dy;
  const isBackward = isWide ? fromX > toX : fromY > toY;
  const [startX, startY] = isBackward ? [toX, toY] : [fromX, fromY];
  const [endX, endY] = isBackward ? [fromX, fromY] : [toX, toY];
  if (isWide) {
    const slope = (endY - startY) / dx;
    const at = (step: number) => Math.trunc(startY + slope * step + 0.5);
    return (x) => Math.min(at(x - startX), at(x + 1 - startX));
  }
  const slope = (endX - startX) / dy;
  const at = (step: number) => Math.trunc(startX + slope * step + 0.5);
  return (x) => {
    // The step at which x passes: it only grows, or only falls.
    let [before, after] = [0, dy];
    while (after - before > 1) {
      const step = Math.floor((before + after) / 2);
      if (at(step) > x === slope > 0) after = step;
      else before = step;
    }
    return startY + before;
  };
}
