/** A run as the page shows it: its points, its peaks, its frames. */
import type { KeptRun, PlannedPeaks, StepNews } from '../shared/messages';
import type { Settings } from '../shared/settings';
import { type Charts, type Measured, type RunPoint } from './charts';
import { element, megabytes, percent } from './dom';
import { Frames } from './frames';
import type { Plans } from './plans';
import { getMeasured, putMeasured } from './store';

/** Share of the newest step in the training accuracy that is shown. */
const SMOOTHING = 0.15;

/** Steps before peaks count: the first one makes the optimizer's moments. */
const WARM_STEPS = 2;

export class RunView {
  points: RunPoint[] = [];
  private measured: Measured[] = [];
  private smooth: number | undefined;
  private readonly frames = new Frames();

  constructor(
    private readonly charts: Charts,
    private readonly plans: Plans,
    private readonly settings: () => Settings,
    private readonly classes: () => number,
  ) {}

  private get key(): string {
    const { side, batch, train } = this.settings();
    return [side, batch, train, this.classes()].join();
  }

  /** Takes up what was measured in this browser in the present situation. */
  async recall(): Promise<void> {
    const { key } = this;
    const measured = await getMeasured(key);
    if (key === this.key) this.measured = measured;
    this.showPlans();
  }

  /** Begins with no step, or with those of a run that was saved. */
  begin(kept: KeptRun | null): void {
    this.points = kept ? [...kept.points] : [];
    this.smooth = kept?.points.at(-1)?.accuracy;
    this.frames.start();
    this.show();
  }

  step({ step, loss, accuracy, peakBytes }: StepNews): void {
    this.smooth =
      this.smooth === undefined ? accuracy : this.smooth + SMOOTHING * (accuracy - this.smooth);
    this.points = this.points.filter((point) => point.step < step);
    this.points.push({ step, loss, accuracy: this.smooth, peakBytes });
    if (step > WARM_STEPS) this.measure(peakBytes);
    this.show();
  }

  epoch(step: number, held: number | null): void {
    const point = this.points.filter((one) => one.step === step).at(-1);
    if (point && held !== null) point.held = held;
    this.show();
  }

  end(): void {
    this.frames.stop();
    const { count, late } = this.frames;
    if (count > 0) {
      element('frames', HTMLElement).textContent =
        `While it trained, ${late} of ${count} frames of this page came late.`;
    }
    void putMeasured(this.key, this.measured);
  }

  private measure(peakBytes: number): void {
    const { columns, backprop } = this.settings();
    const known = this.measured.find((m) => m.columns === columns && m.backprop === backprop);
    if (known) {
      if (known.peakBytes === peakBytes) return;
      known.peakBytes = peakBytes;
    } else {
      this.measured.push({ columns, backprop, peakBytes });
    }
    this.showPlans();
  }

  /** What a step of the present settings would take; undefined for not known yet. */
  get planned(): PlannedPeaks | undefined {
    return this.plans.at(this.settings().columns);
  }

  /** Shows what is planned and measured by columns. */
  showPlans(): void {
    const { columns } = this.settings();
    this.charts.showColumns(this.plans.peaks, this.measured, columns);
    const { planned } = this;
    element('by-columns-text', HTMLElement).textContent = planned
      ? `A step of ${columns} columns takes ${megabytes(planned.reversible)}. It would take ` +
        `${megabytes(planned.stored)} in stored mode and ${megabytes(planned.stock)} in stock tfjs: ` +
        `${Math.round(planned.stock / planned.reversible)} times as much.`
      : 'Working out what other ways would take…';
    this.show();
  }

  private show(): void {
    this.charts.showRun(this.points, this.planned);
    const last = this.points.at(-1);
    if (!last) {
      element('learning-text', HTMLElement).textContent =
        'Loss, and the share of pictures named rightly.';
      element('by-step-text', HTMLElement).textContent = 'Most bytes in tensors during each step.';
      return;
    }
    const held = this.points.filter((point) => point.held !== undefined).at(-1)?.held;
    element('learning-text', HTMLElement).textContent =
      `Step ${last.step}: loss ${last.loss?.toFixed(2) ?? '?'}` +
      (last.accuracy === undefined ? '' : `, ${percent(last.accuracy)} right in training`) +
      (held === undefined ? '.' : `, ${percent(held, 1)} of held-out pictures.`);
    if (last.peakBytes !== undefined) {
      element('by-step-text', HTMLElement).textContent =
        `${megabytes(last.peakBytes)} in tensors at the peak of step ${last.step}, measured.`;
    }
  }
}
