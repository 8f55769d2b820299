/** The page as a whole: what state it is in, and what follows from what happens. */
import { loadBundled } from '../data/bundled';
import type { FailureKind, FromWorker, KeptRun } from '../shared/messages';
import type { DataSet } from '../shared/pictures';
import type { Settings } from '../shared/settings';
import { toLink } from '../shared/settings';
import { Charts, WASM_END } from './charts';
import { Controls } from './controls';
import { button, element, make, megabytes, percent } from './dom';
import { Engine } from './engine';
import { closeNotice, notice } from './notice';
import { paint } from './pixels';
import { Plans } from './plans';
import { Results } from './results';
import { RunView } from './run_view';
import { getRun, putRun, removeRun, type StoredRun } from './store';

type State = 'starting' | 'idle' | 'training' | 'pausing' | 'paused' | 'done';

const SAMPLES = 20;

/** Times that training goes on by itself after the device was lost. */
const MOST_RECOVERIES = 3;

type News = Exclude<FromWorker, { id: number }>;

export class App {
  state: State = 'starting';
  data: DataSet | undefined;
  readonly controls = new Controls((name) => this.onSetting(name));
  readonly engine = new Engine(
    (news) => this.onNews(news),
    (seconds) => this.onSilent(seconds),
    () => closeNotice(),
  );
  readonly results = new Results();
  private readonly plans = new Plans((problem) => {
    if (problem !== undefined) console.warn(problem);
    this.view.showPlans();
  });
  private readonly view = new RunView(
    new Charts(),
    this.plans,
    () => this.controls.settings,
    () => this.data?.classNames.length ?? 10,
  );
  private stored: StoredRun | undefined;
  private afterReady: (() => void) | undefined;
  private recoveries = 0;
  private readonly go = button('go');
  private readonly over = button('over');
  private readonly status = element('status', HTMLElement);

  /** @param ownData gives one's own pictures, or says what they lack */
  constructor(
    private readonly ownData: () => DataSet | string,
    private readonly onState: (state: State) => void,
  ) {
    this.go.addEventListener('click', () => this.onGo());
    this.over.addEventListener('click', () => void this.startOver());
    document.addEventListener('visibilitychange', () => this.onVisibility());
  }

  /** Begins; takes up a run that was left. */
  async start(): Promise<void> {
    const stored = await getRun().catch(() => undefined);
    const isLinked = location.hash.length > 1;
    if (stored && (!isLinked || location.hash.slice(1) === toLink(stored.settings))) {
      this.controls.take(stored.settings);
    }
    const { refused } = this.controls;
    if (refused.length > 0) {
      notice(`The link asks for what there is not, so that is left out: ${refused.join(', ')}.`);
    }
    this.stored = stored;
    this.afterReady = () => void this.takeUp();
    this.engine.start(this.controls.settings.backend);
    await this.loadData();
  }

  private get settings(): Settings {
    return this.controls.settings;
  }

  private setState(state: State, status?: string): void {
    this.state = state;
    const words: Record<State, string> = {
      starting: 'Train',
      idle: 'Train',
      training: 'Pause',
      pausing: 'Pausing…',
      paused: 'Go on',
      done: 'Train again',
    };
    this.go.textContent = words[state];
    this.go.disabled = state === 'starting' || state === 'pausing';
    this.over.hidden = state !== 'paused';
    this.controls.lock(['training', 'pausing', 'paused'].includes(state));
    button('save').disabled = state !== 'done' && state !== 'paused';
    if (status !== undefined) this.status.textContent = status;
    this.onState(state);
  }

  private say(text: string): void {
    this.status.textContent = text;
  }

  /** Loads the pictures that the settings name. */
  async loadData(): Promise<void> {
    const { data: name } = this.settings;
    try {
      const data = name === 'own' ? this.ownData() : await loadBundled(name);
      if (name !== this.settings.data) return;
      if (typeof data === 'string') {
        this.data = undefined;
        element('samples', HTMLElement).replaceChildren();
        if (this.state === 'idle' || this.state === 'done') this.setState('idle', data);
        this.go.disabled = true;
        return;
      }
      this.useData(data);
      if (this.state === 'idle' || this.state === 'done') this.setState('idle', this.ready);
    } catch (error) {
      notice(`The pictures cannot be loaded: ${(error as Error).message}`);
    }
  }

  private useData(data: DataSet): void {
    this.data = data;
    const count = Math.min(SAMPLES, data.train.labels.length);
    // One's own show beside their classes.
    const canvases =
      this.settings.data === 'own'
        ? []
        : Array.from({ length: count }, (_, i) => {
            const canvas = make('canvas', { width: 56, height: 56 });
            paint(canvas, data.train, i);
            return canvas;
          });
    element('samples', HTMLElement).replaceChildren(...canvases);
    this.results.setData(data);
    this.askPlans();
  }

  private get ready(): string {
    const { train, held, classNames } = this.data as DataSet;
    return (
      `${train.labels.length} pictures of ${classNames.length} classes to train on, ` +
      `${held.labels.length} held out to test with.`
    );
  }

  private askPlans(): void {
    const { side, batch, columns } = this.settings;
    const classes = this.data?.classNames.length ?? 10;
    this.plans.ask({ side, batch, classes }, columns);
    void this.view.recall();
  }

  private onSetting(name: keyof Settings): void {
    if (name === 'data') {
      element('own', HTMLElement).hidden = this.settings.data !== 'own';
      void this.loadData();
    } else if (name === 'backend') {
      this.setState('starting', 'Starting…');
      this.afterReady = () => this.setState('idle', this.data ? this.ready : '');
      this.engine.start(this.settings.backend);
    } else {
      this.askPlans();
    }
  }

  private onGo(): void {
    closeNotice();
    if (this.state === 'training') {
      this.setState('pausing', 'Pausing after this step…');
      this.engine.tell({ kind: 'pause' });
    } else if (this.state === 'paused') {
      void this.goOn();
    } else {
      this.offerToTrain();
    }
  }

  /** Trains, unless it cannot fit: then it says so first. */
  private offerToTrain(): void {
    const bytes = this.view.planned?.[this.settings.backprop] ?? 0;
    if (bytes < WASM_END) return void this.train();
    const reversible = megabytes(this.view.planned?.reversible ?? 0);
    notice(
      `A step in stored mode would take ${megabytes(bytes)}, more than a tab's wasm memory of 4.3 GB: ` +
        `the run would die. Reversible, the same step takes ${reversible}.`,
      [
        {
          text: 'Train reversible',
          run: () => {
            this.controls.take({ ...this.settings, backprop: 'reversible' });
            void this.train();
          },
        },
        { text: 'Try it all the same', run: () => void this.train() },
      ],
    );
  }

  private async train(): Promise<void> {
    if (!this.data) return;
    const { settings, data } = this;
    this.recoveries = 0;
    this.stored = { settings, data, hasHead: false };
    this.setState('training', 'Starting to train…');
    this.view.begin(null);
    await putRun(this.stored).catch((error: unknown) => {
      notice(`The run cannot be kept by the browser, so a reload would lose it: ${String(error)}`);
    });
    this.engine.tell({ kind: 'train', settings, data, resume: null });
  }

  /** Goes on from what is saved. */
  private async goOn(): Promise<void> {
    const { stored } = this;
    const kept = await this.engine.ask<KeptRun | null>({ kind: 'kept' });
    if (!stored || !kept) {
      notice('Nothing had been saved yet, so training begins anew.');
      return this.train();
    }
    const { settings, data, hasHead } = stored;
    this.setState('training', `Going on from step ${kept.step}…`);
    this.view.begin(kept);
    this.engine.tell({ kind: 'train', settings, data, resume: { hasHead } });
  }

  private async startOver(): Promise<void> {
    await this.engine.ask({ kind: 'forget' });
    await removeRun();
    this.stored = undefined;
    this.view.begin(null);
    this.view.end();
    closeNotice();
    this.setState('idle', this.data ? this.ready : '');
    await this.loadData();
  }

  /** After the page was opened: shows the run that was left, if there is one. */
  private async takeUp(): Promise<void> {
    const { stored } = this;
    const kept = stored && (await this.engine.ask<KeptRun | null>({ kind: 'kept' }));
    if (!stored || !kept) {
      this.setState('idle', this.data ? this.ready : 'Loading pictures…');
      await this.loadData();
      return;
    }
    if (toLink(stored.settings) !== toLink(this.settings)) {
      this.setState('idle', this.data ? this.ready : '');
      notice(`This browser holds another run, of ${kept.step} steps. Training replaces it.`, [
        { text: 'Take that up', run: () => this.adopt(stored, kept) },
        { text: 'Keep to these settings', run: () => undefined },
      ]);
      return;
    }
    this.adopt(stored, kept);
  }

  private adopt(stored: StoredRun, kept: KeptRun): void {
    this.controls.take(stored.settings);
    this.useData(stored.data);
    this.view.begin(kept);
    if (kept.isDone) {
      void this.goOn();
      return;
    }
    this.view.end();
    this.setState(
      'paused',
      `A run was left here after step ${kept.step}. Go on with it, or start over.`,
    );
  }

  private onNews(news: News): void {
    switch (news.kind) {
      case 'ready':
        this.onReady(news);
        return;
      case 'started':
        if (this.stored) {
          this.stored.hasHead = news.hasHead;
          void putRun(this.stored).catch(() => undefined);
        }
        return;
      case 'step': {
        const { step, steps, imagesPerSecond, secondsLeft } = news.news;
        this.view.step(news.news);
        if (this.state === 'training') {
          this.say(
            `Step ${step} of ${steps}, ${Math.round(imagesPerSecond)} pictures a second, ` +
              `${Math.ceil(secondsLeft)} s left.`,
          );
        }
        return;
      }
      case 'epoch':
        this.view.epoch(news.step, news.accuracy);
        return;
      case 'watched':
        this.results.update(news.watched.probabilities);
        return;
      case 'saveFailed':
        notice(`The browser does not keep the run, so a reload would lose it: ${news.message}`);
        return;
      case 'paused':
        this.view.end();
        this.setState(
          'paused',
          `Paused after step ${news.step}. All of it is saved: reload if you like.`,
        );
        return;
      case 'done': {
        const { steps, seconds, accuracy, mistakes, trainedParameters } = news.news;
        this.view.end();
        this.results.finish(mistakes, accuracy);
        this.setState(
          'done',
          `Trained in ${seconds.toFixed(1)} s: ${steps} steps, ${trainedParameters.toLocaleString('en')} numbers` +
            (accuracy === null ? '.' : `, ${percent(accuracy, 1)} of held-out pictures right.`),
        );
        return;
      }
      case 'failed':
        this.onFailure(news.failure, news.message);
    }
  }

  private onReady({ backend, threads, available, why }: Extract<News, { kind: 'ready' }>): void {
    const badge = element('backend', HTMLElement);
    badge.textContent = `${backend}${threads > 1 ? `, ${threads} threads` : ''}`;
    badge.title = why;
    this.controls.offerBackends(available);
    const then = this.afterReady;
    this.afterReady = undefined;
    then?.();
  }

  private onSilent(seconds: number): void {
    notice(
      `Nothing has been heard of the worker that trains for ${seconds} seconds. The browser may have ended ` +
        `it, or memory may be exhausted; or steps are just long.`,
      [
        {
          text: 'Start another worker',
          run: () => this.recover('The worker did not answer.', true),
        },
        { text: 'Wait', run: () => undefined },
      ],
    );
  }

  private onFailure(failure: FailureKind, message: string): void {
    if (this.state === 'starting') {
      this.setState('starting', '');
      notice(message, [{ text: 'Try again', run: () => this.engine.start(this.settings.backend) }]);
      return;
    }
    if (failure === 'device') {
      const goesOn = ++this.recoveries <= MOST_RECOVERIES;
      this.recover('The browser has taken the graphics device away.', goesOn);
    } else if (failure === 'memory') {
      this.recover(
        'Memory is exhausted: a step takes more than this tab can get. Take fewer pictures in a step, or smaller ones.',
        false,
      );
    } else {
      this.recover(message, false);
    }
  }

  /** Starts another worker after a failure, and offers to go on from what was saved. */
  private recover(what: string, goesOn: boolean): void {
    const reached = this.view.points.at(-1)?.step ?? 0;
    this.view.end();
    this.setState('starting', 'Starting another worker…');
    this.afterReady = () => void this.offerToGoOn(what, reached, goesOn);
    this.engine.start(this.settings.backend);
  }

  private async offerToGoOn(what: string, reached: number, goesOn: boolean): Promise<void> {
    const kept = await this.engine.ask<KeptRun | null>({ kind: 'kept' });
    const step = kept?.step ?? 0;
    const lost =
      reached === 0
        ? 'no step had been taken'
        : `${Math.max(0, reached - step)} of ${reached} steps are lost`;
    if (!kept) {
      this.setState('idle', this.data ? this.ready : '');
      notice(`${what} Nothing had been saved yet: ${lost}.`);
      return;
    }
    this.setState('paused', `Saved after step ${step}.`);
    const saved = `Training was saved after step ${step}: ${lost}.`;
    if (goesOn) {
      notice(`${what} ${saved} It goes on by itself.`);
      await this.goOn();
      return;
    }
    notice(`${what} ${saved}`, [
      { text: 'Go on', run: () => void this.goOn() },
      { text: 'Start over', run: () => void this.startOver() },
    ]);
  }

  private hiddenAt = 0;

  /** Training goes on while the page is hidden; says so when it is back. */
  private onVisibility(): void {
    const step = this.view.points.at(-1)?.step ?? 0;
    if (document.hidden) this.hiddenAt = step;
    else if (this.state === 'training' && step > this.hiddenAt) {
      notice(`While this tab was hidden, training went on: ${step - this.hiddenAt} steps.`);
    }
  }
}
