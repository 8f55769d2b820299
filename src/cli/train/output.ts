/** What `train` leaves in its folder: a model that other commands take, the history, a report. */
import { mkdir, readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';

import { bytesText } from '../../common/bytes';
import { ifThere } from '../../common/if_there';
import { savedRun } from '../../finetune/run/training_files';
import { fileSystem } from '../../model_files/file_system';
import { writeWhole } from '../../model_files/write_whole';
import { lastState } from '../models/checkpoint_folder';
import { textOfNames } from '../models/class_names';
import { leftOutTable, type Trained, type TrainingScores } from './kind';

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
  const run = await savedRun('train', lastState(out));
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

/**
 * Writes everything; each file appears whole or not at all.
 *
 * @param facts what the report tells of how it was asked for
 * @returns the report's path
 * @throws {Error} when it cannot be written
 */
export async function writeTrained(
  out: string,
  trained: Trained,
  { evaluation, part, content }: TrainingScores,
  facts: readonly (readonly [name: string, value: string])[],
): Promise<string> {
  const { model, classNames, history, epochHistory } = trained.result;
  const { settings, best, steps, seconds, stopped, skipped } = trained.result;
  await mkdir(out, { recursive: true });
  await model.save(fileSystem(out));
  const told = {
    ...{ settings, best, steps, seconds, stopped, skipped },
    ...{ epochHistory, history, part, evaluation },
  };
  await writeWhole({
    [join(out, 'labels.txt')]: textOfNames(classNames),
    [join(out, 'history.json')]: `${JSON.stringify(told, null, 1)}\n`,
  });
  const { writeReport } = await import('../../report/write_report');
  const report = join(out, 'report.html');
  const { tables = [], ...shown } = await content();
  await writeReport(report, {
    title: `Training of ${out}`,
    facts: [...facts, ...factsOf(trained), ['evaluated', part]],
    history,
    ...shown,
    tables: [...tables, ...leftOutTable(skipped, 'Left out of training')],
  });
  return report;
}

function factsOf({ result, best: score }: Trained): [string, string][] {
  const { settings, best, seconds, history } = result;
  const peak = Math.max(0, ...history.map(({ peakBytes }) => peakBytes ?? 0));
  return [
    ['pictures for training', String(settings['examples'])],
    ['pictures for validation', String(settings['validation'])],
    ...(best && score !== null
      ? [['best epoch', `${best.epoch}, ${score}`] as [string, string]]
      : []),
    ['time', `${Math.round(seconds)} s`],
    ['memory at the peak', bytesText(peak)],
  ];
}
