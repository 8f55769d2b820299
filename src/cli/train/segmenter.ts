/** `train --maps`: a segmenter, on pictures with label maps. */
import type { SegmentationSource } from '../../data/segmentation_source';
import { fineTuneSegmenter } from '../../finetune/segmenter/fine_tune';
import type { FineTuneSegmenterOptions } from '../../finetune/segmenter/options';
import { CROPS_ONLY } from '../../finetune/segmenter/plan';
import type { FineTuneSegmenterModel } from '../../finetune/segmenter/prepare';
import {
  evaluateSegmenter,
  type SegmentationEvaluation,
  type SegmentingOptions,
} from '../../models/evaluate_segmenter';
import { segmentationWeights } from '../../registry/names';
import { namesIn, readClassNames } from '../models/class_names';
import { loadSegmenter } from '../models/segmenter';
import { chosenByName, chosenOfFile } from './chosen_dense';
import { percentText, shareText } from './display';
import { openMapsFolder, type TrainingFolder } from './folder';
import {
  type ChosenModel,
  leftOutTable,
  trainChosen,
  type Trained,
  type TrainingKind,
  type TrainingRequest,
} from './kind';
import type { TrainOptions } from './options';

/** Segmenters, which `--maps` chooses. */
export const SEGMENTERS: TrainingKind = {
  name: 'segmenters',
  flag: 'maps',
  own: [
    ...(['maps', 'mapSuffix', 'reduceZeroLabel', 'classes'] as const),
    ...(['shortSide', 'headChannels', 'randomWeights'] as const),
  ],
  open: async (folder, options) => {
    const { augment, mapSuffix, reduceZeroLabel } = options;
    const maps = options.maps as string;
    if (augment !== undefined && augment !== 'none') {
      throw new Error(
        `--augment ${augment} is for classifiers; with --maps pictures are changed as published, or, with ` +
          '--augment none, only cut to crops',
      );
    }
    const classNames = await namesOf(maps, options.classes);
    const pictures = await openMapsFolder(folder, maps, {
      ...{ classNames, reduceZeroLabel },
      ...(mapSuffix === undefined ? {} : { mapSuffix }),
    });
    return {
      facts: [['label maps', maps]],
      train: (request) => trainSegmenter(pictures, request),
      close: () => pictures.close(),
    };
  },
};

/** Names of the classes: of the file that is given, else of one among the maps. */
async function namesOf(maps: string, file: string | undefined): Promise<readonly string[]> {
  const names = file === undefined ? await namesIn(maps) : await readClassNames(file);
  if (names) return names;
  throw new Error(
    `what the classes of ${maps} are called is not known; give --classes, a file with a name in each line, in the ` +
      'order of their numbers',
  );
}

async function trainSegmenter(
  { training, validation, test }: TrainingFolder<SegmentationSource>,
  request: TrainingRequest,
): Promise<Trained> {
  const { settings, signal } = request;
  const { options, ...chosen } = await chosenModel(training.classNames, request);
  const { result, dispose } = await trainChosen(chosen, (model) =>
    fineTuneSegmenter(model, training, {
      ...settings,
      ...options,
      ...(validation ? { validation } : {}),
    }),
  );
  return {
    result,
    best: result.best && `mIoU ${percentText(result.best.mIoU)}`,
    dispose,
    scores: async () => {
      const evaluation = test
        ? await evaluateSegmenter(result.model, test, {
            ...(result.settings['segmenting'] as SegmentingOptions),
            onError: settings.onError,
            signal,
          })
        : result.evaluation;
      const part = test ? 'pictures for testing' : 'pictures for validation';
      return {
        evaluation,
        part,
        line: evaluation && lineOf(evaluation, part),
        content: () => Promise.resolve(evaluation ? { tables: tablesOf(evaluation) } : {}),
      };
    },
  };
}

function lineOf({ mIoU, aAcc, pictures }: SegmentationEvaluation, part: string): string {
  return `mIoU ${shareText(mIoU)}, ${shareText(aAcc)} of the pixels rightly classified, of ${pictures} ${part}`;
}

function tablesOf({ mIoU, mAcc, aAcc, perClass, skipped }: SegmentationEvaluation) {
  const rows = perClass.map(
    ({ name, IoU, Acc }) => [name, shareText(IoU), shareText(Acc)] as const,
  );
  return [
    {
      title: 'Classes',
      caption:
        'IoU: pixels of the class that are found, over those that are of it or taken for it. Accuracy: share of its ' +
        'pixels that are found.',
      header: ['class', 'IoU', 'accuracy'],
      rows: [...rows, ['mean', shareText(mIoU), shareText(mAcc)] as const],
    },
    {
      title: 'Pixels',
      caption: 'Of all classes together.',
      header: ['', 'accuracy'],
      rows: [['all pixels', shareText(aAcc)] as const],
    },
    ...leftOutTable(skipped),
  ];
}

type Changing = Pick<FineTuneSegmenterOptions, 'augment' | 'preprocessing'>;

/** The model, and how pictures become its input where that is told. */
async function chosenModel(
  classNames: readonly string[],
  request: TrainingRequest,
): Promise<ChosenModel<FineTuneSegmenterModel> & { options: Changing }> {
  const { options, terminal } = request;
  const named = chosenByName(options, terminal, {
    called: 'segmenters',
    recordOf: segmentationWeights,
    // As in the published ones, the auxiliary head has half as many channels.
    formOf: ({ headChannels, ...form }) => ({
      ...form,
      ...(headChannels && { headChannels, auxiliaryChannels: Math.ceil(headChannels / 2) }),
    }),
  });
  if (named) return { ...named, options: changing(options, undefined) };
  const chosen = await chosenOfFile(loadSegmenter, classNames, request);
  const { model, settings, preprocessing } = chosen;
  const { augment } = changing(options, settings.shortSide);
  return { model, options: { augment, preprocessing } };
}

/** How pictures are changed. */
function changing(
  { augment, inputSize, shortSide }: TrainOptions,
  usual: number | null | undefined,
): Changing {
  const wanted = shortSide === 'none' ? null : (shortSide ?? usual);
  const sizes = {
    ...(inputSize === undefined ? {} : { cropSize: [inputSize, inputSize] as const }),
    ...(wanted === undefined ? {} : { shortSide: wanted }),
  };
  return { augment: augment === 'none' ? { ...CROPS_ONLY, ...sizes } : sizes };
}
