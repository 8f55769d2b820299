/** `train --coco`: a detector, on pictures with marked objects. */
import type { CocoSource } from '../../data/coco_source';
import { fineTuneDetector } from '../../finetune/detector/fine_tune';
import type { FineTuneDetectorOptions } from '../../finetune/detector/options';
import type { FineTuneDetectorModel } from '../../finetune/detector/prepare';
import { longerSide } from '../../models/detect_options';
import type { DetectorEvaluation } from '../../models/evaluate_detector';
import { cocoFolder } from '../../pictures/coco_folder';
import { detectionWeights } from '../../registry/names';
import { loadDetector } from '../models/detector';
import { chosenByName, chosenOfFile } from './chosen_dense';
import { percentText, shareText } from './display';
import { openBeside, type TrainingFolder } from './folder';
import {
  type ChosenModel,
  leftOutTable,
  trainChosen,
  type Trained,
  type TrainingKind,
  type TrainingRequest,
} from './kind';
import type { TrainOptions } from './options';

/** Detectors, which `--coco` chooses. */
export const DETECTORS: TrainingKind = {
  name: 'detectors',
  flag: 'coco',
  own: ['coco', 'cocoVal', 'shortSide', 'longSide', 'headChannels', 'randomWeights'],
  open: async (folder, options) => {
    const { augment, cocoVal, inputSize } = options;
    const coco = options.coco as string;
    if (augment !== undefined && augment !== 'none') {
      throw new Error(
        `--augment ${augment} is for classifiers; with --coco pictures are changed as published, or, with ` +
          '--augment none, only resized',
      );
    }
    if (inputSize !== undefined) {
      throw new Error(
        '--input-size is for models of square images; with --coco give --short-side and --long-side',
      );
    }
    changing(options);
    const first = await cocoFolder(coco, folder);
    const { classNames } = first;
    const pictures = await openBeside(first, async () =>
      cocoVal === undefined ? undefined : cocoFolder(cocoVal, folder, { classNames }),
    );
    return {
      facts: [
        ['annotations', coco],
        ...(cocoVal === undefined ? [] : [['for validation', cocoVal] as const]),
      ],
      train: (request) => trainDetector(pictures, request),
      close: () => pictures.close(),
    };
  },
};

async function trainDetector(
  { training, validation }: TrainingFolder<CocoSource>,
  request: TrainingRequest,
): Promise<Trained> {
  const { settings } = request;
  const { options, ...chosen } = await chosenModel(training.classNames, request);
  const { result, dispose } = await trainChosen(chosen, (model) =>
    fineTuneDetector(model, training, {
      ...settings,
      ...options,
      ...(validation ? { validation } : {}),
    }),
  );
  const { best, evaluation } = result;
  const part = 'pictures for validation';
  return {
    result,
    best: best && `AP of boxes ${percentText(best.boxAP)}`,
    dispose,
    scores: () =>
      Promise.resolve({
        evaluation,
        part,
        line: evaluation && lineOf(evaluation, part),
        content: () => Promise.resolve(evaluation ? { tables: tablesOf(evaluation) } : {}),
      }),
  };
}

function lineOf({ box, mask, pictures }: DetectorEvaluation, part: string): string {
  return `AP of boxes ${shareText(box.AP)}, of masks ${shareText(mask.AP)}, of ${pictures} ${part}`;
}

function tablesOf({ box, mask, perClass, skipped }: DetectorEvaluation) {
  const names = ['AP', 'AP50', 'AP75', 'APs', 'APm', 'APl'] as const;
  const figures = [
    ['boxes', box],
    ['masks', mask],
  ] as const;
  return [
    {
      title: 'Average precision',
      caption:
        'AP: mean over overlaps from 50 to 95 %. AP50, AP75: from 50 and 75 % on. APs, APm, APl: of small, medium ' +
        'and large objects.',
      header: ['', ...names],
      rows: figures.map(
        ([what, own]) => [what, ...names.map((name) => shareText(own[name]))] as const,
      ),
    },
    {
      title: 'Classes',
      caption: 'AP of the boxes and masks of each.',
      header: ['class', 'objects', 'boxes', 'masks'],
      rows: perClass.map(
        ({ name, objects, boxAP, maskAP }) =>
          [name, objects, shareText(boxAP), shareText(maskAP)] as const,
      ),
    },
    ...leftOutTable(skipped),
  ];
}

type Changing = Pick<FineTuneDetectorOptions, 'augment' | 'preprocessing'>;

/** The model, and how pictures become its input where that is told. */
async function chosenModel(
  classNames: readonly string[],
  request: TrainingRequest,
): Promise<ChosenModel<FineTuneDetectorModel> & { options: Changing }> {
  const { options, terminal } = request;
  const own = changing(options);
  const named = chosenByName(options, terminal, {
    called: 'detectors',
    recordOf: detectionWeights,
    // As in the published ones, the hidden layers have four times as many channels.
    formOf: ({ headChannels, ...form }) => ({
      ...form,
      ...(headChannels && { pyramidChannels: headChannels, hiddenChannels: 4 * headChannels }),
    }),
  });
  if (named) return { ...named, options: own };
  const { model, preprocessing } = await chosenOfFile(loadDetector, classNames, request);
  return { model, options: { ...own, preprocessing } };
}

/** Sizes of the shorter side, by the largest: as published 480 to 800 pixels. */
const SHARES = [0.6, 0.64, 0.68, 0.72, 0.76, 0.8, 0.84, 0.88, 0.92, 0.96, 1];

/** How pictures are changed. */
function changing({ augment, shortSide, longSide }: TrainOptions): Changing {
  if (shortSide === 'none') {
    throw new Error(
      '--short-side none is for segmenters; with --coco give pixels, or leave it out',
    );
  }
  const isPlain = augment === 'none';
  if (shortSide === undefined && longSide === undefined) {
    return isPlain ? { augment: 'none' } : {};
  }
  const side = shortSide ?? 800;
  const sizes = {
    shortSides: isPlain ? [side] : SHARES.map((share) => Math.max(1, Math.round(share * side))),
    longSide: longSide ?? longerSide(side),
    crop: null,
  };
  return { augment: isPlain ? { ...sizes, flip: 0 } : sizes };
}
