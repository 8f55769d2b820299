/** `tfjs-revcol train`: a classifier of one's own pictures. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { type Command, InvalidArgumentError } from 'commander';

import { parseBytes } from '../common/bytes';
import { messageOf } from '../common/messages';
import { evaluate } from '../evaluation/evaluate';
import type { Evaluation } from '../evaluation/evaluation';
import { fineTune } from '../finetune/fine_tune';
import type { FineTuneOptions } from '../finetune/options';
import type { FineTuneModel } from '../finetune/prepare_model';
import type { PreprocessOptions } from '../preprocessing/fit_image';
import { MODEL_NAMES, type ModelName, parseName } from '../registry/names';
import { registerOptimizers } from '../registry/register_optimizers';
import { activateBackend, type BackendName } from './backend';
import { loadClassifier } from './classifier';
import { DownloadNotice } from './download_notice';
import { loadGradients } from './gradients';
import { interruptible } from './interrupt';
import { addDownloadOptions, backendOption, integer } from './options';
import type { Terminal } from './terminal';
import { CHECKPOINT, requireOutput, writeTrained } from './trained_output';
import { percentText, TrainingDisplay } from './training_display';
import { openTrainingFolder, type TrainingFolder } from './training_folder';
import type { DownloadOptions } from './weights_source';

interface TrainOptions extends DownloadOptions {
  model: string;
  out: string;
  adapters?: boolean;
  headOnly?: boolean;
  epochs?: number;
  batch?: number;
  learningRate?: number;
  memory?: number;
  augment?: 'none' | 'light' | 'medium' | 'strong';
  inputSize?: number;
  columns?: number;
  channels?: number[];
  depths?: number[];
  patchSize?: number;
  seed: number;
  skipBroken?: boolean;
  backend?: BackendName;
  resume?: boolean;
}

const numbers = (text: string): number[] => text.split(',').map(integer(1));

function positive(text: string): number {
  if (Number(text) > 0 && Number.isFinite(Number(text))) return Number(text);
  throw new InvalidArgumentError('expected a number above 0.');
}

function bytes(text: string): number {
  try {
    return parseBytes('', '', text.trim() === String(Number(text)) ? Number(text) : text);
  } catch {
    throw new InvalidArgumentError('expected bytes, such as 2GB or 512MiB.');
  }
}

export function addTrainCommand(program: Command, terminal: Terminal): void {
  const command = program
    .command('train')
    .description('train a classifier on a folder of labelled pictures')
    .argument(
      '<folder>',
      'holds a folder for each class; or train and maybe val and test, which do',
    )
    .requiredOption(
      '-m, --model <name|file|folder>',
      'size (random weights), published weights, checkpoint, or folder of a tfjs model',
    )
    .requiredOption('-o, --out <folder>', 'where the model, its history and a report are written')
    .option('--adapters', 'train low-rank adapters and the head alone')
    .option('--head-only', 'train the head alone')
    .option(
      '-e, --epochs <count>',
      'passes over the pictures; default: by their number',
      integer(1),
    )
    .option('-n, --batch <count>', 'pictures in a step; default: by their number', integer(1))
    .option('--learning-rate <rate>', 'the highest; default: by what is trained', positive)
    .option('--memory <bytes>', 'most bytes that tensors may take, e.g. 2GB', bytes)
    .option('--augment <strength>', 'how much pictures are changed: none, light, medium, strong')
    .option(
      '--input-size <pixels>',
      "side of the square input; default: the model's own",
      integer(8),
    )
    .option('--columns <count>', "columns in place of the size's own", integer(1))
    .option('--channels <counts>', 'channels of its levels, separated by commas', numbers)
    .option('--depths <counts>', 'blocks of its levels, separated by commas', numbers)
    .option('--patch-size <pixels>', 'side of the patches of its stem', integer(1))
    .option('--seed <number>', 'of all that is random', integer(0), 0)
    .option('--skip-broken', 'leave out pictures that cannot be read')
    .addOption(backendOption())
    .option('--resume', 'go on with what --out holds, exactly');
  addDownloadOptions(command)
    .addHelpText(
      'after',
      `
Ctrl-C saves what has been trained, and says how to go on; a second one ends at once. The folder then has
model.json with its weights and labels.txt, which classify and evaluate take as --weights, history.json, and
report.html.

Examples:
  $ tfjs-revcol train pets --model revcol_tiny.in1k --out out/pets
  $ tfjs-revcol train pets --model revcol_base.in22k --out out/pets --adapters --memory 2GB
  $ tfjs-revcol train pets --model revcol_tiny.in1k --out out/pets --resume
  $ tfjs-revcol classify cat.jpg --weights out/pets`,
    )
    .action(async (folder: string, options: TrainOptions) => {
      if (options.adapters && options.headOnly) {
        throw new Error('--adapters and --head-only are two ways; give one of them');
      }
      await requireOutput(options.out, options.resume === true);
      // First the pictures: what is wrong with them should be found before gigabytes of weights.
      const pictures = await openTrainingFolder(folder);
      try {
        await activateBackend(options.backend);
        await loadGradients('train');
        registerOptimizers();
        await interruptible((signal) => train(folder, pictures, options, terminal, signal));
      } finally {
        await pictures.close();
      }
    });
}

async function train(
  folder: string,
  pictures: TrainingFolder,
  options: TrainOptions,
  terminal: Terminal,
  signal: AbortSignal,
): Promise<void> {
  const { training, validation, test } = pictures;
  const display = new TrainingDisplay(terminal);
  const { model, preprocessing, notice } = await chosenModel(options, terminal);
  const result = await fineTune(model, training, {
    ...settingsOf(options),
    ...(validation ? { validation } : {}),
    preprocessing,
    saveTo: join(options.out, CHECKPOINT),
    signal,
    onStep: display.onStep,
    onEpoch: display.onEpoch,
    onSaveFailed: (error) => {
      terminal.error(`saving failed, training goes on: ${messageOf(error)}\n`);
    },
  })
    .catch((error: unknown) => {
      display.clear();
      if (signal.aborted) terminal.error(`\n${afterInterrupt(folder, options)}\n`);
      if (typeof model === 'object' && 'layers' in model) model.dispose();
      throw error;
    })
    .finally(() => {
      display.clear();
      notice?.end();
    });
  const given =
    typeof model === 'object' && 'layers' in model && model !== result.model ? model : null;
  try {
    const evaluation = test ? await evaluate(result.model, test, { signal }) : result.evaluation;
    const part = test ? 'pictures for testing' : 'pictures for validation';
    const report = await writeTrained({
      out: options.out,
      result,
      evaluation,
      source: test ?? validation ?? training,
      part,
      facts: [
        ['pictures', folder],
        ['model', options.model],
      ],
    });
    tell(terminal, options, evaluation, part, report);
  } finally {
    result.model.dispose();
    given?.dispose();
  }
}

/** The model, and how pictures are prepared where only its file tells. */
async function chosenModel(
  { model, inputSize, columns, channels, depths, patchSize, cacheDir, baseUrl }: TrainOptions,
  terminal: Terminal,
): Promise<{ model: FineTuneModel; preprocessing?: PreprocessOptions; notice?: DownloadNotice }> {
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
  const { mean, std, crop } = loaded.preprocessing;
  return { model: loaded.model, preprocessing: { mean, std, crop } };
}

function settingsOf(options: TrainOptions): FineTuneOptions {
  const { epochs, batch, learningRate, memory, augment, seed, resume, skipBroken } = options;
  const train = options.adapters ? 'adapters' : options.headOnly ? 'head' : undefined;
  return {
    ...(train ? { train } : {}),
    epochs,
    batch,
    learningRate,
    memory,
    augment,
    seed,
    resume: resume === true,
    onError: skipBroken ? 'skip' : 'throw',
  };
}

/** What to type after an interruption. */
function afterInterrupt(folder: string, options: TrainOptions): string {
  const quoted = (text: string) =>
    /^[\w./:=@%+,-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
  const given = { ...options, resume: undefined, seed: options.seed || undefined };
  const words = Object.entries(given).flatMap(([name, value]) => {
    if (value === undefined || value === false) return [];
    const flag = `--${name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
    return value === true ? [flag] : [flag, quoted(String(value))];
  });
  const command = `npx tfjs-revcol train ${[quoted(folder), ...words].join(' ')}`;
  return existsSync(join(options.out, CHECKPOINT, 'last.safetensors'))
    ? `interrupted; what was trained is saved. To go on:\n  ${command} --resume`
    : `interrupted before there was anything to save. To begin again:\n  ${command}`;
}

function tell(
  terminal: Terminal,
  { out }: TrainOptions,
  evaluation: Evaluation | null,
  part: string,
  report: string,
): void {
  if (evaluation) {
    terminal.out(
      `${percentText(evaluation.top1)} of ${evaluation.examples} ${part} are classified rightly\n`,
    );
  }
  terminal.out(`model: ${out}\nreport: ${report}\n`);
}
