/** The text corner: which language a sentence is in, and a small language model that learns to write. */
import type { FromTextWorker, LanguageShare, ToTextWorker } from '../shared/text_messages';
import { button, element, make, megabytes, percent } from './dom';
import { TextChart } from './text_chart';

/** Languages that are shown. */
const SHOWN = 5;

/** Milliseconds without a key after which what was found is said aloud. */
const SAY_AFTER = 700;

/** Milliseconds after which a worker that has not said anything while it learns is taken for dead. */
const SILENCE = 30_000;

/** Steps before peaks count: the first one makes the optimizer's moments. */
const WARM_STEPS = 2;

const names = new Intl.DisplayNames(['en'], { type: 'language' });
const nameOf = (code: string) => names.of(code) ?? code;

export class TextCorner {
  private worker: Worker | undefined;
  private readonly sentence = element('sentence', HTMLTextAreaElement);
  private readonly bars = element('languages', HTMLOListElement);
  private readonly said = element('language-said', HTMLElement);
  private readonly corpus = element('corpus', HTMLTextAreaElement);
  private readonly columns = element('writer-columns', HTMLSelectElement);
  private readonly prompt = element('prompt', HTMLInputElement);
  private readonly status = element('writer-status', HTMLElement);
  private readonly written = element('written', HTMLElement);
  private readonly chart = new TextChart();
  private asked = 0;
  /** The newest question that has no answer yet, and whether the text is another one by now. */
  private isWaiting = false;
  private isStale = false;
  private isLearning = false;
  private stored: number | undefined;
  private heard = 0;
  private sayLater: ReturnType<typeof setTimeout> | undefined;
  private readonly measured = new Map<number, number>();

  constructor() {
    this.sentence.addEventListener('input', () => this.ask());
    for (const example of document.querySelectorAll<HTMLButtonElement>('#examples button')) {
      example.addEventListener('click', () => {
        this.sentence.value = example.textContent;
        this.ask();
      });
    }
    button('learn').addEventListener('click', () => this.learnOrStop());
    button('write').addEventListener('click', () => {
      button('write').disabled = true;
      this.tell({ kind: 'write', prompt: this.prompt.value });
    });
    // Nothing of it is loaded before somebody comes here.
    const watcher = new IntersectionObserver((entries) => {
      if (!entries.some(({ isIntersecting }) => isIntersecting)) return;
      watcher.disconnect();
      this.ask();
      void this.bringText();
    });
    watcher.observe(element('text', HTMLElement));
    setInterval(() => this.look(), 1000);
  }

  /** Takes a text to learn from. */
  take(text: string): void {
    this.corpus.value = text;
    this.corpus.scrollIntoView({ block: 'nearest' });
  }

  private async bringText(): Promise<void> {
    const response = await fetch('declaration.txt').catch(() => undefined);
    // Somebody may have been faster.
    if (response?.ok && this.corpus.value === '') this.corpus.value = await response.text();
  }

  private start(): Worker {
    const worker = new Worker(new URL('text_worker.js', location.href), { type: 'module' });
    worker.onmessage = ({ data }: MessageEvent<FromTextWorker>) => {
      if (worker !== this.worker) return;
      this.heard = performance.now();
      this.hear(data);
    };
    worker.onerror = (event) => {
      event.preventDefault();
      if (worker === this.worker) this.fail(event.message || 'it did not load');
    };
    return worker;
  }

  private tell(message: ToTextWorker): void {
    this.worker ??= this.start();
    this.heard = performance.now();
    this.worker.postMessage(message);
  }

  /** Asks for the language of what is there; while an answer is on its way, once more behind it. */
  private ask(): void {
    if (this.isWaiting) {
      this.isStale = true;
      return;
    }
    [this.isWaiting, this.isStale] = [true, false];
    this.bars.ariaBusy = 'true';
    this.tell({ kind: 'language', id: ++this.asked, text: this.sentence.value });
  }

  private hear(message: FromTextWorker): void {
    switch (message.kind) {
      case 'languages':
        if (message.id !== this.asked) return;
        this.isWaiting = false;
        this.showLanguages(message.shares);
        if (this.isStale) this.ask();
        else this.bars.ariaBusy = 'false';
        return;
      case 'planned':
        this.chart.plan(message.storedBytes);
        this.stored = message.storedBytes;
        return;
      case 'learned':
        if (!this.isLearning) return;
        this.showStep(message);
        return;
      case 'wrote':
        this.written.textContent = message.text;
        button('write').disabled = false;
        return;
      case 'stopped':
        this.rest(
          `Stopped after step ${message.step}. It keeps what it has learned: let it write.`,
        );
        return;
      case 'failed':
        if (message.what === 'language') {
          this.isWaiting = false;
          this.said.textContent = `No language is told: ${message.message}`;
          this.bars.ariaBusy = 'false';
        } else {
          this.rest(message.message);
        }
    }
  }

  private showLanguages(shares: LanguageShare[]): void {
    const hasLetters = /\p{L}/u.test(this.sentence.value);
    this.bars.replaceChildren(
      ...(hasLetters ? shares.slice(0, SHOWN) : []).map(({ code, share }) =>
        make(
          'li',
          {},
          make('span', { textContent: nameOf(code), title: nameOf(code) }),
          make('progress', { value: share, max: 1, ariaLabel: nameOf(code) }),
          make('span', { textContent: percent(share) }),
        ),
      ),
    );
    const [best] = shares;
    const text =
      hasLetters && best
        ? `${nameOf(best.code)}, ${percent(best.share)} sure.`
        : 'Type a sentence.';
    clearTimeout(this.sayLater);
    this.sayLater = setTimeout(() => {
      this.said.textContent = text;
    }, SAY_AFTER);
  }

  private learnOrStop(): void {
    if (this.isLearning) {
      button('learn').disabled = true;
      this.tell({ kind: 'stop' });
      return;
    }
    this.isLearning = true;
    this.stored = undefined;
    this.chart.begin();
    this.columns.disabled = true;
    button('learn').textContent = 'Stop';
    button('write').disabled = true;
    this.status.textContent = 'Starting…';
    this.written.textContent = '';
    this.tell({
      kind: 'learn',
      settings: {
        text: this.corpus.value,
        columns: Number(this.columns.value),
        prompt: this.prompt.value,
        seed: 1,
      },
    });
  }

  private showStep({
    step,
    loss,
    peakBytes,
    charactersPerSecond,
  }: Extract<FromTextWorker, { kind: 'learned' }>): void {
    this.chart.step(step, loss, peakBytes);
    if (step > WARM_STEPS) this.measured.set(Number(this.columns.value), peakBytes);
    this.status.textContent =
      `Step ${step}: ${Math.round(charactersPerSecond)} characters a second, ` +
      `${megabytes(peakBytes)} at the peak` +
      (this.stored === undefined ? '.' : `; stored mode would take ${megabytes(this.stored)}.`);
    const all = [...this.measured].sort(([a], [b]) => a - b);
    element('writer-measured', HTMLElement).textContent =
      all.length > 1
        ? `Measured here: ${all.map(([columns, bytes]) => `${columns} columns ${megabytes(bytes)}`).join(', ')}.`
        : '';
  }

  private rest(text: string): void {
    this.isLearning = false;
    this.columns.disabled = false;
    button('learn').disabled = false;
    button('learn').textContent = 'Learn this text';
    button('write').disabled = this.written.textContent === '' && !/^Stopped/.test(text);
    this.status.textContent = text;
  }

  /** Gives up a worker that is gone; the next thing that is asked starts another. */
  private fail(message: string): void {
    this.worker?.terminate();
    this.worker = undefined;
    [this.isWaiting, this.isStale] = [false, false];
    this.said.textContent = 'No language is told now; type on, and another worker starts.';
    this.written.textContent = '';
    this.rest(`Its worker is gone, and what it had learned: ${message}.`);
  }

  private look(): void {
    const isDue = (this.isLearning || this.isWaiting) && !document.hidden;
    if (!isDue || performance.now() - this.heard < SILENCE) return;
    this.fail(`nothing was heard of it for ${SILENCE / 1000} seconds`);
  }
}
