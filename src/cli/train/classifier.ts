/** `train` of a classifier, on folders of pictures by class. */
import { evaluate } from '../../evaluation/evaluate';
import { fineTune } from '../../finetune/classifier/fine_tune';
import type { FineTuneModel } from '../../finetune/classifier/prepare';
import type { PreprocessOptions } from '../../preprocessing/fit_image';
import { MODEL_NAMES, type ModelName, parseName } from '../../registry/names';
import { DownloadNotice } from '../base/download_notice';
import type { Terminal } from '../base/terminal';
import { assumedForTraining } from '../models/assumed_preparation';
import { loadClassifier } from '../models/classifier';
import { percentText } from './display';
import { openTrainingFolder, type TrainingFolder } from './folder';
import {
  type ChosenModel,
  trainChosen,
  type Trained,
  type TrainingKind,
  type TrainingRequest,
} from './kind';
import type { TrainOptions } from './options';

/** Classifiers, which are what is trained where nothing else is said. */
export const CLASSIFIERS: TrainingKind = {
  name: 'classifiers',
  flag: null,
  own: ['memory'],
  open: async (folder) => {
    const pictures = await openTrainingFolder(folder);
    return {
      train: (request) => trainClassifier(pictures, request),
      close: () => pictures.close(),
    };
  },
};

async function trainClassifier(
  { training, validation, test }: TrainingFolder,
  { options, settings, terminal, signal }: TrainingRequest,
): Promise<Trained> {
  const { memory, augment } = options;
  const { preprocessing, ...chosen } = await chosenModel(options, training.classNames, terminal);
  const { result, dispose } = await trainChosen(chosen, (model) =>
    fineTune(model, training, {
      ...settings,
      memory,
      augment,
      ...(validation ? { validation } : {}),
      preprocessing,
    }),
  );
  const source = test ?? validation ?? training;
  return {
    result,
    best: result.best && percentText(result.best.accuracy),
    dispose,
    scores: async () => {
      const evaluation = test ? await evaluate(result.model, test, { signal }) : result.evaluation;
      const part = test ? 'pictures for testing' : 'pictures for validation';
      const right = (share: number) => `${percentText(share)} of ${evaluation?.examples} ${part}`;
      return {
        evaluation,
        part,
        line: evaluation && `${right(evaluation.top1)} are classified rightly`,
        content: async () => {
          if (!evaluation) return {};
          const { mistakePictures } = await import('../../report/write_report');
          return { evaluation, pictures: await mistakePictures(source, evaluation) };
        },
      };
    },
  };
}

/** The model, and how pictures are prepared where options say it: one of a file tells the rest itself, or that is said. */
async function chosenModel(
  { model, inputSize, columns, channels, depths, patchSize, cacheDir, baseUrl }: TrainOptions,
  classNames: readonly string[],
  terminal: Terminal,
): Promise<ChosenModel<FineTuneModel> & { preprocessing?: PreprocessOptions }> {
  const size = inputSize === undefined ? undefined : ([inputSize, inputSize] as const);
  const form = { columns, channels, depths, patchSize };
  if ((MODEL_NAMES as readonly string[]).includes(model)) {
    const name = model as ModelName;
    const { weights } = parseName('train', name);
    const notice = weights && new DownloadNotice(terminal, weights, false);
    const { fetch, onProgress } = notice ?? {};
    const named = {
      ...{ name, ...form },
      ...(notice ? { cacheDir, baseUrl, fetch, onProgress } : {}),
    };
    return { model: named, preprocessing: size && { inputSize: size }, notice };
  }
  const wrong = Object.entries(form).find(([, value]) => value !== undefined)?.[0];
  if (wrong !== undefined) {
    throw new Error(`--${wrong} is for sizes by name; ${model} is a file, which has its own`);
  }
  const loaded = await loadClassifier(
    { weights: model, inputSize, cacheDir, baseUrl },
    terminal,
    () => undefined,
  );
  const { untold, numClasses } = loaded;
  if (untold) {
    const numbered = loaded.classNames === undefined && numClasses === classNames.length;
    terminal.error(assumedForTraining({ ...untold, numbered }));
  }
  return { model: loaded.model, preprocessing: size && { inputSize: size } };
}
