/** What both contestants train, and how. */

/** The network: a small UPerNet on a RevCol. */
export const NETWORK = {
  columns: 2,
  channels: [32, 64, 96, 128],
  depths: [1, 1, 2, 1],
  headChannels: 32,
  auxiliaryChannels: 16,
} as const;

/** How it is trained: a poly schedule with warm-up, AdamW, cross entropy with the auxiliary head at 0.4. */
export const TRAINING = {
  /** Of the scenes, their order, how they are changed, and the weights at the beginning. */
  seed: 1,
  scenes: 6000,
  epochs: 4,
  batch: 8,
  peak: 4e-3,
  warmupSteps: 200,
  weightDecay: 0.01,
  /** Share of the ground among the pixels, by which the biases of the logits begin. */
  ground: 0.8,
} as const;

export const STEPS = (TRAINING.scenes * TRAINING.epochs) / TRAINING.batch;
