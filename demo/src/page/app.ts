/** The page as a whole: its parts, and what follows from what happens. */
import type { ColumnLook, FromWorker, StepNews } from '../shared/messages';
import type { DataSet, Pictures } from '../shared/pictures';
import type { Settings } from '../shared/settings';
import { Charts } from './charts';
import { Controls } from './controls';
import { button, element, percent } from './dom';
import { Engine } from './engine';
import { tellOfHiddenTab } from './hidden_tab';
import { LookPanel } from './look_panel';
import { closeNotice, notice } from './notice';
import type { Parts } from './parts';
import { Plans } from './plans';
import { Recovery } from './recovery';
import { Results } from './results';
import { RunView } from './run_view';
import { Runs } from './runs';
import { ShippedWeights } from './shipped_weights';
import { ShownPictures } from './shown_pictures';
import { PageState } from './state';
import { WorkerStart } from './worker_start';

type News = Exclude<FromWorker, { id: number }>;

export class App {
  readonly controls: Controls = new Controls((name) => this.onSetting(name));
  readonly engine: Engine = new Engine(
    (news) => this.onNews(news),
    (seconds) => this.recovery.onSilent(seconds),
    () => closeNotice(),
  );
  private readonly plans = new Plans((problem) => {
    if (problem !== undefined) console.warn(problem);
    this.parts.view.showPlans();
  });
  private readonly parts: Parts;
  private readonly runs: Runs;
  private readonly recovery: Recovery;
  private readonly shipped: ShippedWeights;

  /**
   * @param ownData gives one's own pictures, or says what they lack
   * @param onState called when the state of the page is another
   */
  constructor(ownData: () => DataSet | string, onState: () => void) {
    const { controls, engine } = this;
    const settings = () => controls.settings;
    const pictures = new ShownPictures(settings, ownData);
    const classes = () => pictures.data?.classNames.length ?? 10;
    this.parts = {
      controls,
      engine,
      pictures,
      state: new PageState(controls, onState),
      workers: new WorkerStart(engine, controls),
      view: new RunView(new Charts(), this.plans, settings, classes),
      look: new LookPanel(
        (picture) => this.ask<ColumnLook[]>({ kind: 'look', picture }),
        () => this.isTraining,
      ),
      results: new Results((index, className) => {
        const held = pictures.data?.held;
        if (held) this.parts.look.choose(held, index, `A picture of class ${className}`);
      }),
    };
    this.runs = new Runs(
      this.parts,
      (data) => this.useData(data),
      () => this.rest(),
    );
    this.shipped = new ShippedWeights(this.parts);
    this.recovery = new Recovery(this.parts, this.runs);
    button('go').addEventListener('click', () => this.onGo());
    button('over').addEventListener('click', () => void this.runs.startOver());
    tellOfHiddenTab(this.parts.view, this.parts.state);
  }

  /** Begins; takes up a run that was left. */
  async start(): Promise<void> {
    const { controls, parts, runs } = this;
    await runs.read();
    const { refused } = controls;
    if (refused.length > 0) {
      notice(`The link asks for what there is not, so that is left out: ${refused.join(', ')}.`);
    }
    parts.workers.start(controls.settings.backend, () => void runs.takeUp());
    await this.loadData();
  }

  get data(): DataSet | undefined {
    return this.parts.pictures.data;
  }

  get isTraining(): boolean {
    return this.parts.state.value === 'training';
  }

  /** Whether a run is under way, or stopped before its end. */
  get isRunning(): boolean {
    return this.parts.state.isRunning;
  }

  /** Whether there is a network that can be asked. */
  get canAsk(): boolean {
    const { value } = this.parts.state;
    if (value === 'idle') return this.shipped.areThere;
    return ['training', 'paused', 'done'].includes(value) && this.data !== undefined;
  }

  /** Asks the worker where it has a network. */
  private ask<T>(question: { kind: 'look'; picture: Pictures }): Promise<T | null> {
    return this.canAsk ? this.engine.ask<T | null>(question) : Promise.resolve(null);
  }

  /** Shows how each column sees the first of some pictures. */
  lookAt(pictures: Pictures, title: string): void {
    this.parts.look.choose(pictures, 0, title);
  }

  /** Loads the pictures that the settings name. */
  async loadData(): Promise<void> {
    const { pictures, state } = this.parts;
    try {
      const data = await pictures.load();
      if (data === undefined) return;
      if (typeof data === 'string') {
        state.block(data);
        return;
      }
      this.useData(data);
      if (!state.isAtRest) return;
      state.set('idle', pictures.summary);
      void this.shipped.show();
    } catch (error) {
      notice(`The pictures cannot be loaded: ${(error as Error).message}`);
    }
  }

  private useData(data: DataSet): void {
    const { pictures, results, look } = this.parts;
    pictures.use(data);
    look.setClasses(data.classNames);
    results.setData(data);
    this.askPlans();
  }

  /** Is there for settings to be chosen, with no run. */
  private async rest(): Promise<void> {
    const { state, pictures } = this.parts;
    state.set('idle', this.data ? pictures.summary : 'Loading pictures…');
    await this.loadData();
  }

  private askPlans(): void {
    const { side, batch, columns } = this.controls.settings;
    const classes = this.data?.classNames.length ?? 10;
    this.plans.ask({ side, batch, classes }, columns);
    void this.parts.view.recall();
  }

  private onSetting(name: keyof Settings): void {
    const { state, workers } = this.parts;
    state.showBegin();
    if (name === 'data') {
      element('own', HTMLElement).hidden = this.controls.settings.data !== 'own';
      void this.loadData();
    } else if (name === 'backend') {
      state.set('starting', 'Starting…');
      workers.start(this.controls.settings.backend, () => void this.rest());
    } else {
      this.askPlans();
      if (state.value === 'idle' && name !== 'epochs' && name !== 'batch') void this.shipped.show();
    }
  }

  private onGo(): void {
    const { state } = this.parts;
    closeNotice();
    if (state.value === 'training') {
      state.set('pausing', 'Pausing after this step…');
      this.engine.tell({ kind: 'pause' });
      return;
    }
    this.recovery.reset();
    if (state.value === 'paused') void this.runs.goOn();
    else this.runs.offerToTrain();
  }

  private onNews(news: News): void {
    const { state, view, results, look } = this.parts;
    switch (news.kind) {
      case 'ready':
        this.parts.workers.onReady(news);
        return;
      case 'started':
        this.runs.begun(news.hasHead);
        return;
      case 'step':
        view.step(news.news);
        if (this.isTraining) state.say(progressOf(news.news));
        return;
      case 'epoch':
        view.epoch(news.step, news.accuracy);
        return;
      case 'watched':
        results.update(news.watched.probabilities);
        return;
      case 'saveFailed':
        notice(`The browser does not keep the run, so a reload would lose it: ${news.message}`);
        return;
      case 'paused':
        view.end();
        state.set(
          'paused',
          `Paused after step ${news.step}. All of it is saved: reload if you like.`,
        );
        return;
      case 'done': {
        const { steps, seconds, accuracy, trainedParameters } = news.news;
        view.end();
        results.finish(accuracy);
        state.set(
          'done',
          `Trained in ${seconds.toFixed(1)} s: ${steps} steps, ${trainedParameters.toLocaleString('en')} numbers` +
            (accuracy === null ? '.' : `, ${percent(accuracy, 1)} of held-out pictures right.`),
        );
        look.refresh();
        return;
      }
      case 'failed':
        this.recovery.onFailure(news.failure, news.message);
    }
  }
}

/** A step in words. */
function progressOf({ step, steps, imagesPerSecond, secondsLeft }: StepNews): string {
  return (
    `Step ${step} of ${steps}, ${Math.round(imagesPerSecond)} pictures a second, ` +
    `${Math.ceil(secondsLeft)} s left.`
  );
}
