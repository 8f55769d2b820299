/** What the steps of a contestant were like: a line of `NAME.jsonl` for each, which both contestants write. */
import * as fs from 'node:fs';
import * as path from 'node:path';

/** A step of training. */
export interface StepRecord {
  readonly step: number;
  /** Before the step. */
  readonly loss: number;
  /** Processor time of all threads, which does not depend on what else the machine did, unlike the time on the clock. */
  readonly processorSeconds: number;
  /** Most bytes in tensors, weights and optimizer included, where it was measured. */
  readonly peakBytes?: number;
}

const fileOf = (out: string, name: string) => path.join(out, `${name}.jsonl`);

/** Adds a step. */
export function noteStep(out: string, name: string, record: StepRecord): void {
  const { step, loss, processorSeconds, peakBytes } = record;
  const line = [step, loss, processorSeconds, ...(peakBytes === undefined ? [] : [peakBytes])];
  fs.appendFileSync(fileOf(out, name), `${JSON.stringify(line)}\n`);
}

/** Steps that were taken; of one that was taken twice the last time counts. */
function stepsOf(out: string, name: string): StepRecord[] {
  const lines = fs.readFileSync(fileOf(out, name), 'utf8').trim().split('\n');
  const records = lines.map((line): StepRecord => {
    const [step, loss, processorSeconds, peakBytes] = JSON.parse(line) as number[];
    return { step, loss, processorSeconds, peakBytes } as StepRecord;
  });
  return [...new Map(records.map((record) => [record.step, record])).values()];
}

const meanOf = (values: readonly number[]) => values.reduce((a, b) => a + b, 0) / values.length;

/** Losses, time and memory of a contestant's steps. */
export function trainingFacts(out: string, name: string, steps: number) {
  const records = stepsOf(out, name);
  if (records.length < steps) {
    throw new Error(`${fileOf(out, name)} has ${records.length} of ${steps} steps; train on`);
  }
  const peaks = records.flatMap(({ peakBytes }) => (peakBytes === undefined ? [] : [peakBytes]));
  const times = records.map(({ processorSeconds }) => processorSeconds);
  const parts = Math.min(10, steps);
  return {
    processorSecondsPerStep: meanOf(times),
    ...(peaks.length > 0 ? { peakBytes: Math.max(...peaks) } : {}),
    /** Means of each tenth of the training. */
    losses: Array.from({ length: parts }, (_, i) =>
      meanOf(
        records
          .filter(({ step }) => Math.floor((step * parts) / steps) === i)
          .map(({ loss }) => loss),
      ),
    ),
  };
}
