/** Starts the worker that computes, and says what it computes on. */
import type { FromWorker } from '../shared/messages';
import type { Settings } from '../shared/settings';
import type { Controls } from './controls';
import { element } from './dom';
import type { Engine } from './engine';

type Ready = Extract<FromWorker, { kind: 'ready' }>;

export class WorkerStart {
  private afterReady: (() => void) | undefined;

  constructor(
    private readonly engine: Engine,
    private readonly controls: Controls,
  ) {}

  /** @param then called when it has started */
  start(backend: Settings['backend'], then: () => void): void {
    this.afterReady = then;
    this.engine.start(backend);
  }

  /** Tries again after it did not start; what was to follow still does. */
  again(): void {
    this.engine.start(this.controls.settings.backend);
  }

  onReady({ backend, threads, available, why }: Ready): void {
    const badge = element('backend', HTMLElement);
    badge.textContent = `${backend}${threads > 1 ? `, ${threads} threads` : ''}`;
    badge.title = why;
    this.controls.offerBackends(available);
    const then = this.afterReady;
    this.afterReady = undefined;
    then?.();
  }
}
