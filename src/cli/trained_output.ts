/** What `train` leaves in its folder: a model that `classify` takes, the history, a report. */
import { mkdir, readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';

import { bytesText } from '../common/bytes';
import { ifThere } from '../common/if_there';
import type { ExampleSource } from '../data/example_source';
import type { Evaluation } from '../evaluation/evaluation';
import type { FineTuneResult } from '../finetune/fine_tune';
import { savedRun } from '../finetune/training_files';
import { fileSystem } from '../model_files/file_system';
import { writeWhole } from '../model_files/write_whole';
import { percentText } from './training_display';

/** Folder of the states that training goes on from. */
export const CHECKPOINT = 'checkpoint';

/**
 * Looks at the output before the work.
 *
 * @throws {Error} when the folder holds something that would be lost, or that cannot be gone on with
 */
export async function requireOutput(out: string, resume: boolean): Promise<void> {
  const found = await ifThere(stat(out));
  if (!found) return;
  if (!found.isDirectory()) {
    throw new Error(`--out: ${out} is a file; give a folder, which is made where there is none`);
  }
  if (resume) return;
  const run = await savedRun('train', join(out, CHECKPOINT, 'last.safetensors'));
  if (run && run.progress.stopped === null) {
    throw new Error(
      `${out} holds a training that is not finished, ${run.progress.step} steps of it; --resume goes on ` +
        `with it, or give another folder`,
    );
  }
  if ((await readdir(out)).length > 0) {
    throw new Error(`folder ${out} is not empty; give another one, or empty it`);
  }
}

/** What is written. */
export interface TrainedOutput {
  readonly out: string;
  readonly result: FineTuneResult;
  /** What the report shows, and the pictures that it is of. */
  readonly evaluation: Evaluation | null;
  readonly source: ExampleSource;
  /** Of what part of the pictures the evaluation is. */
  readonly part: string;
  readonly facts: readonly (readonly [name: string, value: string])[];
}

/**
 * Writes everything; each file appears whole or not at all.
 *
 * @returns the report's path
 * @throws {Error} when it cannot be written
 */
export async function writeTrained(output: TrainedOutput): Promise<string> {
  const { out, result, evaluation, source, part, facts } = output;
  await mkdir(out, { recursive: true });
  await result.model.save(fileSystem(out));
  const { history, settings, best, steps, seconds, stopped } = result;
  const told = { settings, best, steps, seconds, stopped, history, part, evaluation };
  await writeWhole({
    [join(out, 'labels.txt')]: `${result.classNames.join('\n')}\n`,
    [join(out, 'history.json')]: `${JSON.stringify(told, null, 1)}\n`,
  });
  const { mistakePictures, writeReport } = await import('../report/write_report');
  const report = join(out, 'report.html');
  await writeReport(report, {
    title: `Training of ${out}`,
    facts: [...facts, ...factsOf(result), ['evaluated', part]],
    history,
    ...(evaluation ? { evaluation, pictures: await mistakePictures(source, evaluation) } : {}),
  });
  return report;
}

function factsOf({ settings, best, seconds, history }: FineTuneResult): [string, string][] {
  const peak = Math.max(0, ...history.map(({ peakBytes }) => peakBytes ?? 0));
  return [
    ['pictures for training', String(settings['examples'])],
    ['pictures for validation', String(settings['validation'])],
    ...(best
      ? [['best epoch', `${best.epoch}, ${percentText(best.accuracy)}`] as [string, string]]
      : []),
    ['time', `${Math.round(seconds)} s`],
    ['memory at the peak', bytesText(peak)],
  ];
}
