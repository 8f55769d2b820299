/** Shows what the weights that come with the page make of its pictures, before anything is trained. */
import type { Judged } from '../shared/messages';
import { SHIPPED, SHIPPED_COLUMNS } from '../shared/network';
import { percent } from './dom';
import { notice } from './notice';
import type { Parts } from './parts';

const OTHER_COLUMNS = ` The weights that come with the page are of ${SHIPPED_COLUMNS} columns; this network begins at random.`;

export class ShippedWeights {
  /** Whether the worker has a network of them. */
  areThere = false;
  private turn = 0;

  constructor(private readonly parts: Parts) {}

  /** Asks for their answers, where the pictures are of the kind that they were trained on. */
  async show(): Promise<void> {
    const { controls, pictures, engine, results, look, state } = this.parts;
    const { data } = pictures;
    const turn = ++this.turn;
    this.forget();
    const { settings, begins } = controls;
    state.say(`${pictures.summary}${this.isOther ? OTHER_COLUMNS : ''}`);
    if (begins !== 'shipped' || settings.data !== SHIPPED[settings.data] || !data) return;
    try {
      const judged = await engine.ask<Judged>({ kind: 'bring', settings, data });
      if (turn !== this.turn || state.value !== 'idle') return;
      this.areThere = true;
      results.update(judged.probabilities);
      const count = data.held.labels.length;
      const accuracy = judged.right / count;
      results.finish(accuracy);
      look.refresh();
      state.say(
        `Trained already, with weights that come with the page: ${percent(accuracy, 1)} of ${count} ` +
          `held-out pictures right. Fine-tune it, or move the slider and train from scratch.`,
      );
    } catch (error) {
      if (turn === this.turn) notice((error as Error).message);
    }
  }

  /** Whether they were wanted, but are of another number of columns. */
  private get isOther(): boolean {
    const { settings, begins } = this.parts.controls;
    return settings.begin === 'shipped' && begins !== 'shipped';
  }

  /** The network is to be another one. */
  forget(): void {
    if (!this.areThere) return;
    this.areThere = false;
    this.parts.results.clear();
    this.parts.look.forget();
  }
}
