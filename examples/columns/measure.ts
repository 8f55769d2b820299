/** What the trained networks are in the end: accuracy on the official test part, and what their features know. */
import * as fs from 'node:fs';

import { type ColumnCKA, columnCKA } from 'tfjs-revcol/analysis';
import { batchesOf, type Part } from './data';
import { finalRuns, place, readRecord } from './runs';
import { type Contestant, CONTESTANTS, SEEDS } from './settings';
import { accuracies, network, type Run, train } from './train';

/** Pictures of the held-out part that features are compared for, and so many at a time. */
const [PICTURES, AT_A_TIME] = [2000, 250];

/** Similarities to the image and the label, by `[column][level]`. */
export type Table = Pick<ColumnCKA, 'image' | 'label' | 'imageAndLabel'>;

/** What has been measured of a network. */
export interface Measured extends Table {
  /** Of the test part, by classifier, first to last; none of a network that has not been trained. */
  test: number[];
}

const fileOf = (out: string, run: Run) => place(out, run).replace(/safetensors$/, 'measured.json');
const untrainedFile = (out: string, { name }: Contestant) =>
  `${out}/${name.replace(' ', '-')}.untrained.json`;

/** What has been measured of a run; undefined where nothing has. */
export function readMeasured(out: string, run: Run): Measured | undefined {
  return read(fileOf(out, run));
}

/** The same of a network with the weights of the first seed, before any training. */
export function readUntrained(out: string, contestant: Contestant): Measured | undefined {
  return read(untrainedFile(out, contestant));
}

function read(file: string): Measured | undefined {
  if (!fs.existsSync(file)) return undefined;
  return JSON.parse(fs.readFileSync(file, 'utf8')) as Measured;
}

/** Measures every network that is trained and has not been measured. */
export async function measureAll(
  out: string,
  parts: { training: Part; heldOut: Part; test: Part },
): Promise<void> {
  for (const contestant of CONTESTANTS) {
    if (readUntrained(out, contestant)) continue;
    const model = network(contestant, SEEDS[0]);
    write(untrainedFile(out, contestant), { test: [], ...(await tableOf(model, parts.heldOut)) });
    model.dispose();
  }
  for (const run of CONTESTANTS.flatMap((contestant) => finalRuns(out, contestant))) {
    if (!readRecord(out, run) || readMeasured(out, run)) continue;
    const model = await train(run, parts.training, place(out, run));
    const test = await accuracies(model, parts.test);
    write(fileOf(out, run), { test, ...(await tableOf(model, parts.heldOut)) });
    console.log(run.contestant.name, run.seed, test);
    model.dispose();
  }
}

async function tableOf(model: Parameters<typeof columnCKA>[0], part: Part): Promise<Table> {
  const { image, label, imageAndLabel } = await columnCKA(model, asStream(part));
  return { image, label, imageAndLabel };
}

/** A stream of batches, which is read as fast as they are asked for. */
async function* asStream(part: Part): AsyncGenerator {
  for (const batch of batchesOf(part, AT_A_TIME, PICTURES)) yield await Promise.resolve(batch);
}

function write(file: string, measured: Measured): void {
  fs.writeFileSync(file, `${JSON.stringify(measured)}\n`);
}
