/** Runs: begun, gone on with, taken up after a reload, forgotten. */
import type { KeptRun } from '../shared/messages';
import { toLink } from '../shared/settings';
import { WASM_END } from './charts';
import { megabytes } from './dom';
import { closeNotice, notice } from './notice';
import type { Parts } from './parts';
import { getRun, putRun, removeRun, type StoredRun } from './store';

export class Runs {
  private stored: StoredRun | undefined;

  /**
   * @param show shows the pictures of a run
   * @param rest called when there is no run to show: settings and pictures are as they were chosen
   */
  constructor(
    private readonly parts: Parts,
    private readonly show: (data: StoredRun['data']) => void,
    private readonly rest: () => Promise<void>,
  ) {}

  /** Reads what this browser holds; its settings become those of the page, unless a link asks for others. */
  async read(): Promise<void> {
    const { controls } = this.parts;
    const stored = await getRun().catch(() => undefined);
    const isLinked = location.hash.length > 1;
    if (stored && (!isLinked || location.hash.slice(1) === toLink(stored.settings))) {
      controls.take(stored.settings);
    }
    this.stored = stored;
  }

  /** What the worker keeps of a run. */
  kept(): Promise<KeptRun | null> {
    return this.parts.engine.ask<KeptRun | null>({ kind: 'kept' });
  }

  /** Trains, unless it cannot fit: then it says so first. */
  offerToTrain(): void {
    const { view, controls } = this.parts;
    const bytes = view.planned?.[controls.settings.backprop] ?? 0;
    if (bytes < WASM_END) return void this.train();
    const reversible = megabytes(view.planned?.reversible ?? 0);
    notice(
      `A step in stored mode would take ${megabytes(bytes)}, more than a tab's wasm memory of 4.3 GB: ` +
        `the run would die. Reversible, the same step takes ${reversible}.`,
      [
        {
          text: 'Train reversible',
          run: () => {
            controls.take({ ...controls.settings, backprop: 'reversible' });
            void this.train();
          },
        },
        { text: 'Try it all the same', run: () => void this.train() },
      ],
    );
  }

  private async train(): Promise<void> {
    const { state, view, engine, pictures, controls } = this.parts;
    const { data } = pictures;
    if (!data) return;
    const settings = { ...controls.settings, begin: controls.begins };
    this.stored = { settings, data, hasHead: false };
    state.set('training', 'Starting to train…');
    view.begin(null);
    await putRun(this.stored).catch((error: unknown) => {
      notice(`The run cannot be kept by the browser, so a reload would lose it: ${String(error)}`);
    });
    engine.tell({ kind: 'train', settings, data, resume: null });
  }

  /** The worker has begun. */
  begun(hasHead: boolean): void {
    if (!this.stored) return;
    this.stored.hasHead = hasHead;
    void putRun(this.stored).catch(() => undefined);
  }

  /** Goes on from what is saved. */
  async goOn(): Promise<void> {
    const { stored } = this;
    const kept = await this.kept();
    if (!stored || !kept) {
      notice('Nothing had been saved yet, so training begins anew.');
      return this.train();
    }
    const { settings, data, hasHead } = stored;
    this.parts.state.set('training', `Going on from step ${kept.step}…`);
    this.parts.view.begin(kept);
    this.parts.engine.tell({ kind: 'train', settings, data, resume: { hasHead } });
  }

  async startOver(): Promise<void> {
    const { engine, view } = this.parts;
    await engine.ask({ kind: 'forget' });
    await removeRun();
    this.stored = undefined;
    view.begin(null);
    view.end();
    closeNotice();
    await this.rest();
  }

  /** After the page was opened: shows the run that was left, if there is one. */
  async takeUp(): Promise<void> {
    const { stored } = this;
    const kept = stored && (await this.kept());
    if (!stored || !kept) return this.rest();
    if (toLink(stored.settings) === toLink(this.parts.controls.settings)) {
      return this.adopt(stored, kept);
    }
    await this.rest();
    notice(`This browser holds another run, of ${kept.step} steps. Training replaces it.`, [
      { text: 'Take that up', run: () => this.adopt(stored, kept) },
      { text: 'Keep to these settings', run: () => undefined },
    ]);
  }

  private adopt(stored: StoredRun, kept: KeptRun): void {
    const { controls, view, state } = this.parts;
    controls.take(stored.settings);
    this.show(stored.data);
    view.begin(kept);
    if (kept.isDone) {
      void this.goOn();
      return;
    }
    view.end();
    state.set(
      'paused',
      `A run was left here after step ${kept.step}. Go on with it, or start over.`,
    );
  }
}
