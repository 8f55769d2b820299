/** What both contestants of the detection contest train, and how. */
import { DETECTION_TRAINING } from 'tfjs-revcol';

/** The network: a small Cascade Mask R-CNN on a RevCol. */
export const NETWORK = {
  columns: 2,
  channels: [32, 64, 96, 128],
  depths: [1, 1, 2, 1],
  pyramidChannels: 32,
  hiddenChannels: 128,
  /** Items are of 20 to 56 pixels: the larger ones are seen a level above the bottom one. */
  finestScale: 20,
} as const;

/** How it is trained: AdamW, a step schedule with warm-up, mmdetection's losses and samplers. */
export const TRAINING = {
  /** Of the scenes, their order, what is mirrored, and the weights at the beginning. */
  seed: 1,
  scenes: 2400,
  steps: 400,
  batch: 4,
  peak: 1e-3,
  warmupSteps: 50,
  milestones: [300, 367],
  weightDecay: 0.05,
  /** Layer scales begin here instead of at 1e-6, of which training would have to be long. */
  layerScale: 0.1,
  proposals: 200,
  anchorSamples: 128,
  regionSamples: 64,
} as const;

/** The same for `detectionStep`; everything else is as published. */
export const RULES = {
  proposals: {
    ...DETECTION_TRAINING.proposals,
    perLevel: TRAINING.proposals,
    most: TRAINING.proposals,
  },
  anchorSamples: { ...DETECTION_TRAINING.anchorSamples, count: TRAINING.anchorSamples },
  regionSamples: { ...DETECTION_TRAINING.regionSamples, count: TRAINING.regionSamples },
} as const;

/** Scenes for testing, the first ones of those that segmentation is measured on. */
export const TESTED = 200;
