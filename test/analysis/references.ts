/** CKA in double precision by formulas that are not the package's: all from Gram matrices, term by term. */
import type * as tf from '@tensorflow/tfjs';

type Matrix = number[][];

/** A tensor as rows, one for each example. */
export function rowsOf(x: tf.Tensor): Matrix {
  const [n = 0] = x.shape;
  const values = Array.from(x.dataSync());
  const width = values.length / n;
  return Array.from({ length: n }, (_, i) => values.slice(i * width, (i + 1) * width));
}

const dot = (a: number[], b: number[]) => a.reduce((sum, v, i) => sum + v * (b[i] as number), 0);
const gram = (rows: Matrix): Matrix => rows.map((a) => rows.map((b) => dot(a, b)));
const product = (a: Matrix, b: Matrix): Matrix =>
  a.map((row) =>
    (b[0] ?? []).map((_, j) =>
      dot(
        row,
        b.map((r) => r[j] as number),
      ),
    ),
  );
const trace = (a: Matrix) => a.reduce((sum, row, i) => sum + (row[i] as number), 0);
const total = (a: Matrix) => a.flat().reduce((sum, v) => sum + v, 0);

/** Kornblith et al. 2019, equation 3: tr(KHLH) / (n - 1)^2 with H = I - 11'/n. */
export function hsic(x: Matrix, y: Matrix): number {
  const n = x.length;
  const h = x.map((_, i) => x.map((__, j) => (i === j ? 1 : 0) - 1 / n));
  return trace(product(product(gram(x), h), product(gram(y), h))) / (n - 1) ** 2;
}

/** Song et al. 2012, equation 5, of Gram matrices without their diagonals. */
export function unbiasedHsic(x: Matrix, y: Matrix): number {
  const n = x.length;
  const hollow = (a: Matrix) => a.map((row, i) => row.map((v, j) => (i === j ? 0 : v)));
  const [k, l] = [hollow(gram(x)), hollow(gram(y))];
  const kl = product(k, l);
  const three = trace(kl) + (total(k) * total(l)) / (n - 1) / (n - 2) - (2 * total(kl)) / (n - 2);
  return three / n / (n - 3);
}

/** CKA of an estimate of HSIC that is the mean over batches, weighted by the examples in each. */
export function ckaOf(
  estimate: (x: Matrix, y: Matrix) => number,
  batches: readonly (readonly [x: tf.Tensor, y: tf.Tensor])[],
): number {
  let [xx, xy, yy] = [0, 0, 0];
  for (const [tensorX, tensorY] of batches) {
    const [x, y] = [rowsOf(tensorX), rowsOf(tensorY)];
    xx += x.length * estimate(x, x);
    xy += x.length * estimate(x, y);
    yy += x.length * estimate(y, y);
  }
  return xy / Math.sqrt(xx * yy);
}
