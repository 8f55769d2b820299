/** The worker that computes, as the page sees it: asked, watched, and started anew when it is gone. */
import type { FromWorker, ToWorker } from '../shared/messages';
import type { Settings } from '../shared/settings';

type News = Exclude<FromWorker, { id: number }>;
type Question = Extract<ToWorker, { id: number }>;
type Asked = Question extends infer Q ? (Q extends Question ? Omit<Q, 'id'> : never) : never;

/** Milliseconds of silence before the first step that are no news: programs are compiled. */
const FIRST_SILENCE = 45_000;
/** The same later: this, or some times the longest step so far. */
const SILENCE = 10_000;
const LONGEST_STEPS = 10;

/** A worker, or one that has taken its place. */
export class Engine {
  private worker: Worker | undefined;
  private readonly waiting = new Map<
    number,
    { resolve: (value: unknown) => void; reject: (error: Error) => void }
  >();
  private questions = 0;
  private heard = performance.now();
  private longest = 0;
  private steps = 0;
  private isSilent = false;
  /** Whether news are expected. */
  isBusy = false;

  /**
   * @param onNews what the worker says by itself
   * @param onSilent called when it has not been heard of for too long
   * @param onHeard called when it is heard of again
   */
  constructor(
    private readonly onNews: (news: News) => void,
    private readonly onSilent: (seconds: number) => void,
    private readonly onHeard: () => void,
  ) {
    setInterval(() => this.look(), 1000);
    // Time in which the page itself slept is no silence of the worker's.
    document.addEventListener('visibilitychange', () => {
      this.heard = performance.now();
    });
  }

  /** Starts a worker; one that is there is ended. */
  start(backend: Settings['backend']): void {
    this.worker?.terminate();
    for (const { reject } of this.waiting.values()) reject(new Error('The worker was ended'));
    this.waiting.clear();
    [this.isBusy, this.isSilent] = [false, false];
    const worker = new Worker(new URL('worker.js', location.href), { type: 'module' });
    this.worker = worker;
    worker.onmessage = ({ data }: MessageEvent<FromWorker>) => {
      if (worker === this.worker) this.hear(data);
    };
    worker.onerror = (event) => {
      event.preventDefault();
      if (worker !== this.worker) return;
      this.onNews({
        kind: 'failed',
        failure: 'other',
        message: event.message || 'It did not load',
      });
    };
    this.tell({ kind: 'boot', backend });
  }

  tell(message: Exclude<ToWorker, Question>): void {
    if (message.kind === 'train') {
      this.isBusy = true;
      this.longest = 0;
      this.steps = 0;
    }
    this.heard = performance.now();
    this.worker?.postMessage(message);
  }

  /** Asks, and waits for the answer. */
  ask<T>(question: Asked): Promise<T> {
    const id = ++this.questions;
    return new Promise<T>((resolve, reject) => {
      this.waiting.set(id, { resolve: resolve as (value: unknown) => void, reject });
      this.worker?.postMessage({ ...question, id });
    });
  }

  private hear(message: FromWorker): void {
    this.heard = performance.now();
    if (this.isSilent) this.onHeard();
    this.isSilent = false;
    if (message.kind === 'answer' || message.kind === 'refused') {
      const waiting = this.waiting.get(message.id);
      this.waiting.delete(message.id);
      if (message.kind === 'answer') waiting?.resolve(message.value);
      else waiting?.reject(new Error(message.message));
      return;
    }
    if (message.kind === 'step') {
      this.longest = Math.max(this.longest, message.news.ms);
      this.steps++;
    }
    if (['done', 'paused', 'failed'].includes(message.kind)) this.isBusy = false;
    this.onNews(message);
  }

  private look(): void {
    if (!this.isBusy || document.hidden) return;
    const allowed =
      this.steps === 0 ? FIRST_SILENCE : Math.max(SILENCE, LONGEST_STEPS * this.longest);
    const silent = performance.now() - this.heard;
    if (silent < allowed || this.isSilent) return;
    this.isSilent = true;
    this.onSilent(Math.round(silent / 1000));
  }
}
