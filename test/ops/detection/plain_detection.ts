/** The operations of detection in stock tfjs ones, which tfjs differentiates. */
import * as tf from '@tensorflow/tfjs';

type Four = readonly [number, number, number, number];

function parts(boxes: tf.Tensor): tf.Tensor[] {
  const [x1, y1, x2, y2] = tf.split(boxes, 4, 1) as [tf.Tensor, tf.Tensor, tf.Tensor, tf.Tensor];
  return [tf.div(tf.add(x1, x2), 2), tf.div(tf.add(y1, y2), 2), tf.sub(x2, x1), tf.sub(y2, y1)];
}

export function plainDecode(boxes: tf.Tensor, deltas: tf.Tensor, scales: Four): tf.Tensor {
  const [x, y, w, h] = parts(boxes) as [tf.Tensor, tf.Tensor, tf.Tensor, tf.Tensor];
  const classes = (deltas.shape[1] as number) / 4;
  const columns = Array.from({ length: classes }, (_, k) => {
    const at = (i: number) =>
      tf.mul(tf.slice(deltas, [0, 4 * k + i], [-1, 1]), scales[i] as number);
    const [cx, cy] = [tf.add(x, tf.mul(w, at(0))), tf.add(y, tf.mul(h, at(1)))];
    const [hw, hh] = [tf.mul(w, tf.exp(at(2))), tf.mul(h, tf.exp(at(3)))].map((s) => tf.div(s, 2));
    const [a, b] = [hw as tf.Tensor, hh as tf.Tensor];
    return [tf.sub(cx, a), tf.sub(cy, b), tf.add(cx, a), tf.add(cy, b)];
  });
  return tf.concat(columns.flat(), 1);
}

export function plainEncode(boxes: tf.Tensor, targets: tf.Tensor, scales: Four): tf.Tensor {
  const [x, y, w, h] = parts(boxes) as [tf.Tensor, tf.Tensor, tf.Tensor, tf.Tensor];
  const [u, v, s, t] = parts(targets) as [tf.Tensor, tf.Tensor, tf.Tensor, tf.Tensor];
  const deltas = [
    tf.div(tf.sub(u, x), w),
    tf.div(tf.sub(v, y), h),
    tf.log(tf.div(s, w)),
    tf.log(tf.div(t, h)),
  ];
  return tf.concat(
    deltas.map((d, i) => tf.div(d, scales[i] as number)),
    1,
  );
}

export function plainOverlaps(a: tf.Tensor, b: tf.Tensor): tf.Tensor {
  // The gradient of tfjs's maximum takes no account of broadcasting.
  const ones = tf.ones([a.shape[0] as number, b.shape[0] as number]);
  const columns = (boxes: tf.Tensor) => tf.split(boxes, 4, 1);
  const own = columns(a).map((edge) => tf.mul(edge, ones));
  const other = columns(b).map((edge) => tf.mul(tf.transpose(edge), ones));
  const at = (list: tf.Tensor[], i: number) => list[i] as tf.Tensor;
  const side = (i: number) =>
    tf.relu(
      tf.sub(tf.minimum(at(own, i + 2), at(other, i + 2)), tf.maximum(at(own, i), at(other, i))),
    );
  const area = (list: tf.Tensor[]) =>
    tf.mul(tf.sub(at(list, 2), at(list, 0)), tf.sub(at(list, 3), at(list, 1)));
  const inner = tf.mul(side(0), side(1));
  return tf.div(inner, tf.sub(tf.add(area(own), area(other)), inner));
}

/** Shares of all pixels of an axis in each bin, told by triangles around the pixels. */
function triangles(start: number, extent: number, bins: number, pixels: number): number[][] {
  const grid = Math.max(0, Math.ceil(extent / bins));
  return Array.from({ length: bins }, (_, bin) => {
    const row = new Array<number>(pixels).fill(0);
    for (let k = 0; k < grid; k++) {
      const at = start + (extent / bins) * (bin + (k + 0.5) / grid);
      if (at < -1 || at > pixels) continue;
      const held = Math.min(pixels - 1, Math.max(0, at));
      row.forEach((value, p) => {
        row[p] = value + Math.max(0, 1 - Math.abs(held - p)) / grid;
      });
    }
    return row;
  });
}

export function plainRoiAlign(
  maps: readonly tf.Tensor[],
  regions: readonly number[],
  levels: readonly number[],
  strides: readonly number[],
  size: number,
): tf.Tensor {
  const outputs = levels.map((level, i) => {
    const [image, ...edges] = regions.slice(5 * i, 5 * i + 5) as [number, ...number[]];
    const [x1, y1, x2, y2] = edges.map((e) => e / (strides[level] as number)) as [
      number,
      number,
      number,
      number,
    ];
    const map = maps[level] as tf.Tensor;
    const [, height, width, channels] = map.shape as [number, number, number, number];
    const x = tf.reshape(tf.slice(map, [image, 0, 0, 0], [1, height, width, channels]), [
      height,
      width * channels,
    ]);
    const rows = tf.tensor2d(triangles(y1 - 0.5, y2 - y1, size, height));
    const cols = tf.tensor2d(triangles(x1 - 0.5, x2 - x1, size, width));
    const tall = tf.transpose(
      tf.reshape(tf.matMul(rows, x as tf.Tensor2D), [size, width, channels]),
      [1, 0, 2],
    );
    const both = tf.matMul(cols, tf.reshape(tall, [width, size * channels]) as tf.Tensor2D);
    return tf.transpose(tf.reshape(both, [size, size, channels]), [1, 0, 2]);
  });
  return tf.stack(outputs);
}
