/** What both contestants of the detection contest train, and how: what `export` writes, and all others read. */
import * as fs from 'node:fs';
import * as path from 'node:path';

import { DETECTION_TRAINING, IMAGENET_MEAN, IMAGENET_STD } from 'tfjs-revcol';
import { ITEM_CLASSES } from '../items';
import { SCENE_SIDE } from '../scene';

/** The network: a small Cascade Mask R-CNN on a RevCol. */
const NETWORK = {
  columns: 2,
  channels: [32, 64, 96, 128],
  depths: [1, 1, 2, 1],
  pyramidChannels: 32,
  hiddenChannels: 128,
  /** Items are of 20 to 56 pixels: the larger ones are seen a level above the bottom one. */
  finestScale: 20,
};

/** How it is trained, but for the schedule: AdamW, mmdetection's losses and samplers. */
const TRAINING = {
  /** Of the scenes, their order, what is mirrored, and the weights at the beginning. */
  seed: 1,
  scenes: 8000,
  batch: 4,
  weightDecay: 0.05,
  /** Layer scales begin here instead of at 1e-6, of which training would have to be long. */
  layerScale: 0.1,
  proposals: 100,
  anchorSamples: 128,
  regionSamples: 32,
};

/** Shares of the steps: how long the rate rises, and when it falls to a tenth, twice. */
const SCHEDULE = { warmup: 1 / 20, milestones: [3 / 4, 11 / 12] };

/** Scenes for testing, the first ones of those that segmentation is measured on. */
const TESTED = 200;

/** What a contest may be told. */
export interface ContestOptions {
  /** Steps of training. */
  readonly steps: number;
  /** Highest learning rate. */
  readonly peak: number;
  /**
   * Whether the scenes for testing are made of training items, which the others are then not made of: for whoever tries
   * settings, as no test item may choose any.
   */
  readonly heldOut: boolean;
}

/** All settings of a contest. */
export function contestSettings({ steps, peak, heldOut }: ContestOptions) {
  const { warmup, milestones } = SCHEDULE;
  return {
    network: NETWORK,
    training: {
      ...TRAINING,
      steps,
      peak,
      warmupSteps: Math.round(steps * warmup),
      milestones: milestones.map((share) => Math.round(steps * share)),
    },
    heldOut,
    side: SCENE_SIDE,
    classes: ITEM_CLASSES,
    tested: TESTED,
    mean: IMAGENET_MEAN,
    std: IMAGENET_STD,
  };
}

/** Settings of a contest, as `settings.json` holds them. */
export type Settings = ReturnType<typeof contestSettings>;

const fileOf = (out: string) => path.join(out, 'settings.json');

/** Writes the settings for both contestants. */
export function writeSettings(out: string, settings: Settings): void {
  fs.writeFileSync(fileOf(out), JSON.stringify(settings, null, 1));
}

/** Reads the settings of the contest in a folder. */
export function readSettings(out: string): Settings {
  if (!fs.existsSync(fileOf(out))) {
    throw new Error(`${fileOf(out)} is not there; run scenes-detection.ts export first`);
  }
  return JSON.parse(fs.readFileSync(fileOf(out), 'utf8')) as Settings;
}

/** The rules of `detectionStep`; everything else is as published. */
export function rulesOf({ training }: Settings) {
  const { proposals, anchorSamples, regionSamples } = training;
  return {
    proposals: { ...DETECTION_TRAINING.proposals, perLevel: proposals, most: proposals },
    anchorSamples: { ...DETECTION_TRAINING.anchorSamples, count: anchorSamples },
    regionSamples: { ...DETECTION_TRAINING.regionSamples, count: regionSamples },
  };
}
