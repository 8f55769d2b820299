/** All trainings of the comparison, in order; those that are done are not repeated. */
import { createHash } from 'node:crypto';
import * as fs from 'node:fs';
import * as path from 'node:path';
import type * as tf from '@tensorflow/tfjs';

import { loadTexts, type Texts } from '../language-model/data';
import {
  COLUMNS,
  modelOf,
  revColModel,
  type Size,
  transformerModel,
} from '../language-model/models';
import { type Perplexity, perplexityOf, stepsOf, train } from '../language-model/train';
import { seededRandom, seedEverything } from '../shared/random';
import { readRecordFile, writeRecordFile } from '../shared/records';
import { setInitial } from './initial';
import { type Search, search } from './search';
import {
  COMMON,
  type Contestant,
  CONTESTANTS,
  LONG,
  SEARCH_SEED,
  SEEDS,
  type Settings,
  type Study,
} from './settings';

/** What is known of a finished training. */
export interface RunRecord {
  contestant: string;
  settings: Settings;
  seed: number;
  parameters: number;
  validation: Perplexity;
  /** Of the texts it was trained on; only where the question is whether a model learns less, or learns by heart. */
  train?: Perplexity;
  /** Of trainings that count; null of tries, so that nothing can be chosen by it. */
  test: Perplexity | null;
  /** Of the processor, all threads together. */
  seconds: number;
}

/** What trainings that count are about: a contestant before it was tuned, and after. */
export type State = 'before' | 'tuned';

/** A training to be made. */
export interface Run {
  contestant: Pick<Contestant, 'name'>;
  settings: Settings;
  seed: number;
  /** What is scored beside the validation part. */
  scored: 'test' | 'train' | 'nothing';
}

type RunKey = Omit<Run, 'scored'>;

function recordFile(study: Study, { contestant, settings, seed }: RunKey): string {
  const { out, epochs } = study;
  const text = JSON.stringify({ COMMON, epochs, settings });
  const hash = createHash('sha256').update(text).digest('hex').slice(0, 12);
  return path.join(out, `${contestant.name}.${hash}.${seed}.json`);
}

/** The record of a training; undefined while it is not done. */
export const recordOf = (study: Study, run: RunKey) =>
  readRecordFile(recordFile(study, run)) as RunRecord | undefined;

/** How far the search of a contestant has come. */
export function searchOf(study: Study, contestant: Contestant): Search {
  return search(
    contestant,
    (settings) => recordOf(study, { contestant, settings, seed: SEARCH_SEED })?.validation.perToken,
  );
}

/** The record of a training that counts; undefined while it is not done. */
export function finalRecord(
  study: Study,
  contestant: Contestant,
  state: State,
  { epochs, seed }: Length,
): RunRecord | undefined {
  const settings = settingsOf(study, contestant, state);
  return recordOf({ ...study, epochs }, { contestant, settings, seed });
}

/** What is trained for so long: as it began only as long as the tries, since the example itself is what is longer. */
export const statesOf = (study: Study, epochs: number): readonly State[] =>
  epochs === study.epochs ? ['before', 'tuned'] : ['tuned'];

/** How long a training that counts is, and its seed. */
export interface Length {
  epochs: number;
  seed: number;
}

/** Those of all trainings that count: those of the tries' length first. */
export function lengthsOf({ epochs }: Study): Length[] {
  return [...new Set([epochs, LONG])].flatMap((one) =>
    SEEDS.map((seed) => ({ epochs: one, seed })),
  );
}

function settingsOf(study: Study, contestant: Contestant, state: State): Settings {
  return state === 'before' ? contestant.start : searchOf(study, contestant).best.settings;
}

/** Takes all trainings that are not done. */
export async function trainAll(study: Study): Promise<void> {
  fs.mkdirSync(study.out, { recursive: true });
  const texts = loadTexts();
  // In turn: when it is stopped, all have had as many tries.
  let isDone = false;
  while (!isDone) {
    isDone = true;
    for (const contestant of CONTESTANTS) {
      const { next } = searchOf(study, contestant);
      if (next === null) continue;
      isDone = false;
      console.log(`${contestant.name}: ${next.name}`);
      const { settings } = next;
      const run: Run = { contestant, settings, seed: SEARCH_SEED, scored: 'nothing' };
      await trainOne(study, run, texts);
    }
  }
  for (const { epochs, seed } of lengthsOf(study)) {
    for (const state of statesOf(study, epochs)) {
      for (const contestant of CONTESTANTS) {
        const settings = settingsOf(study, contestant, state);
        const run: Run = { contestant, settings, seed, scored: 'test' };
        await trainOne({ ...study, epochs }, run, texts);
      }
    }
  }
}

/** Trains, scores and records, unless that has been done. */
export async function trainOne(study: Study, run: Run, texts: Texts): Promise<void> {
  if (recordOf(study, run)) return;
  const { contestant, settings, seed, scored } = run;
  const start = process.cpuUsage();
  const { size: vocabulary } = texts.vocabulary;
  const parameters = sizeOf(vocabulary);
  seedEverything(seed);
  const model = build(settings, vocabulary, parameters);
  setInitial(model, settings.initial);
  const { batch, warmup } = COMMON;
  const { epochs } = study;
  const steps = epochs * stepsOf(texts.train.texts, batch);
  await train(model, texts.train.texts, {
    epochs,
    batchSize: batch,
    peakRate: settings.rate,
    warmupSteps: Math.round(warmup * steps),
    random: seededRandom(seed),
  });
  const { user, system } = process.cpuUsage(start);
  const record: RunRecord = {
    contestant: contestant.name,
    settings,
    seed,
    parameters: model.countParams(),
    validation: perplexityOf(model, texts.validation),
    ...(scored === 'train' ? { train: perplexityOf(model, texts.train) } : {}),
    test: scored === 'test' ? perplexityOf(model, texts.test) : null,
    seconds: Math.round((user + system) / 1e6),
  };
  model.dispose();
  writeRecordFile(recordFile(study, run), record);
}

/** A model of settings, with as many parameters as are allowed. */
export function build(settings: Settings, vocabulary: number, parameters: number): tf.LayersModel {
  const { width, heads } = COMMON;
  const size: Size = { vocabulary, width, heads, dropout: settings.dropout };
  const { columns = COLUMNS, transformer, pieces } = settings;
  if (pieces) return modelOf(size, parameters, pieces);
  if (transformer) return transformerModel(size, parameters, transformer);
  return revColModel(size, { ...columns, parameters, backprop: 'stored' });
}

/** Parameters of the RevCol of the example. */
function sizeOf(vocabulary: number): number {
  const { width, heads } = COMMON;
  const model = revColModel({ vocabulary, width, heads, dropout: 0 });
  const parameters = model.countParams();
  model.dispose();
  return parameters;
}
