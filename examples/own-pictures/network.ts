/** The network of the example: small enough for a minute on a processor. */
export const NETWORK = {
  columns: 2,
  channels: [16, 32, 64],
  depths: [1, 1, 2],
  patchSize: 2,
};

/** Side of the pictures, in pixels. */
export const SIDE = 28;
