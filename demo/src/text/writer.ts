/** A small language model of characters that learns one text, and writes what it has learned. */
import * as tf from '@tensorflow/tfjs-core';
import type * as tfl from '@tensorflow/tfjs-layers';

import { createLanguageModel, generate } from 'tfjs-revcol/models';
import { memoryPlan } from 'tfjs-revcol/plan';
import { AdamW, memoryPeak, tokenCrossEntropy, trainingStep } from 'tfjs-revcol/training';
import { withSeededRandom } from '../../../src/ops/engine/random';
import type { FromTextWorker, WriterSettings } from '../shared/text_messages';
import { languageBytes } from './language';

/** Characters of a part of the text, and parts in a step. */
const [LENGTH, BATCH] = [64, 8];

/** Different characters that are told apart, the most frequent ones. */
const MOST_CHARACTERS = 127;

const [WIDTH, HEADS] = [48, 4];
const [PEAK_RATE, WARM_UP] = [5e-3, 30];

/** Steps between two looks at what it writes. */
const WRITE_EVERY = 25;

/** Characters of a prompt that it reads, and of what it writes: no longer together than what it has learned. */
const [READ, WRITTEN] = [24, LENGTH - 24];

/** Parts of what it writes when it is asked: each goes on from the end of the one before. */
const PARTS = 5;

/** What the least text is. */
export const LEAST_TEXT = 4 * LENGTH;

/** A model and what it knows of characters. */
export class Writer {
  step = 0;
  private readonly characters: string[];
  private readonly ids: Int32Array;
  private readonly model: tfl.LayersModel;
  private readonly optimizer = new AdamW({ beta2: 0.98, weightDecay: 0.01 });
  private isStopped = false;
  private isLearning = false;
  /** A prompt that is waiting for the step under way. */
  private asked: string | undefined;

  /** @throws {Error} when the text is too short */
  constructor(
    private readonly settings: WriterSettings,
    private readonly say: (message: FromTextWorker) => void,
  ) {
    const counts = new Map<string, number>();
    const text = Array.from(settings.text.replace(/\r\n?/g, '\n'));
    for (const character of text) counts.set(character, (counts.get(character) ?? 0) + 1);
    this.characters = [...counts]
      .sort(([a, m], [b, n]) => n - m || (a < b ? -1 : 1))
      .slice(0, MOST_CHARACTERS)
      .map(([character]) => character);
    this.ids = Int32Array.from(this.encode(text));
    if (this.ids.length < LEAST_TEXT) {
      throw new Error(`The text has ${this.ids.length} characters; give ${LEAST_TEXT} or more`);
    }
    this.model = this.makeModel('reversible');
  }

  private makeModel(backprop: 'reversible' | 'stored'): tfl.LayersModel {
    const { seed, columns } = this.settings;
    return withSeededRandom(seed, () =>
      createLanguageModel({
        vocabularySize: this.characters.length + 1,
        width: WIDTH,
        numHeads: HEADS,
        intermediateDim: 2 * WIDTH,
        columns,
        depths: [1, 1],
        dropout: 0,
        backprop,
      }),
    );
  }

  /** Bytes that a step would take at its peak in stored mode. */
  private get storedBytes(): number {
    const model = this.makeModel('stored');
    try {
      return memoryPlan(model, { batch: BATCH, length: LENGTH }).peakBytes;
    } finally {
      model.dispose();
    }
  }

  /** Ids of characters, from 1; those that are not known are left out. */
  private encode(text: Iterable<string>): number[] {
    return [...text].map((character) => this.characters.indexOf(character) + 1).filter((id) => id);
  }

  private decode(ids: readonly number[]): string {
    return ids.map((id) => this.characters[id - 1] ?? '').join('');
  }

  /** Learns until it is stopped. */
  async learn(): Promise<void> {
    this.isLearning = true;
    this.say({ kind: 'planned', storedBytes: this.storedBytes });
    while (!this.isStopped) {
      const started = performance.now();
      const { result: loss, peakBytes } = await memoryPeak(() => this.takeStep());
      const seconds = (performance.now() - started) / 1000;
      this.step++;
      if (!Number.isFinite(loss)) throw new Error(`The loss of step ${this.step} is no number`);
      this.say({
        kind: 'learned',
        step: this.step,
        loss,
        // Of the run alone: the network that tells languages may be there as well.
        peakBytes: peakBytes - languageBytes,
        charactersPerSecond: (LENGTH * BATCH) / seconds,
      });
      if (this.step % WRITE_EVERY === 0) {
        this.say({
          kind: 'wrote',
          step: this.step,
          text: await this.write(this.settings.prompt, 2),
        });
      }
      if (this.asked !== undefined) await this.answer();
      // Lets what the page has said come through.
      await new Promise((resolve) => setTimeout(resolve));
    }
    this.isLearning = false;
    if (this.asked !== undefined) await this.answer();
    this.say({ kind: 'stopped', step: this.step });
  }

  /** Writes behind a prompt; while it learns, after the step under way. */
  async ask(prompt: string): Promise<void> {
    this.asked = prompt;
    if (!this.isLearning) await this.answer();
  }

  private async answer(): Promise<void> {
    const { asked = '' } = this;
    this.asked = undefined;
    this.say({ kind: 'wrote', step: this.step, text: await this.write(asked, PARTS) });
  }

  stop(): void {
    this.isStopped = true;
  }

  /** One step, of parts from everywhere in the text; returns the loss per character, in nats. */
  private async takeStep(): Promise<number> {
    const { settings, step, model, optimizer, ids } = this;
    const starts = withSeededRandom(settings.seed + 1 + step, () =>
      Array.from({ length: BATCH }, () => Math.floor(Math.random() * (ids.length - LENGTH))),
    );
    const rows = (shift: number) =>
      tf.tensor2d(
        Int32Array.from(starts.flatMap((at) => [...ids.subarray(at + shift, at + shift + LENGTH)])),
        [BATCH, LENGTH],
        'int32',
      );
    const [inputs, targets] = [rows(0), rows(1)];
    optimizer.learningRate = PEAK_RATE * Math.min(1, (step + 1) / WARM_UP);
    const loss = trainingStep(
      model,
      optimizer,
      inputs,
      (logits) => tokenCrossEntropy(targets, logits as tf.Tensor),
      { clipNorm: 1 },
    );
    const [value = NaN] = await loss.data();
    tf.dispose([inputs, targets, loss]);
    return value;
  }

  /** What it writes behind a prompt, the prompt included. */
  private async write(prompt: string, parts: number): Promise<string> {
    const known = this.encode(prompt.slice(-READ));
    const whole = known.length > 0 ? known : [this.ids[0] as number];
    for (let part = 0; part < parts; part++) {
      const [more] = await generate(this.model, [whole.slice(-READ)], {
        maxNewTokens: WRITTEN,
        temperature: 0.6,
        seed: this.step + part,
      });
      whole.push(...(more?.ids ?? []));
    }
    return this.decode(whole);
  }

  dispose(): void {
    this.model.dispose();
    this.optimizer.dispose();
  }
}
