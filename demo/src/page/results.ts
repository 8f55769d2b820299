/** What the network takes held-out pictures for; any of them can be looked at. */
import type { DataSet } from '../shared/pictures';
import { watchedOf } from '../shared/pictures';
import { element, make, percent } from './dom';
import { paint } from './pixels';

/** Where the greatest of some values is. */
export const best = (values: readonly number[]) => values.indexOf(Math.max(...values));

/** Fills a list with bars of probabilities. */
export function showBars(
  list: HTMLOListElement,
  names: readonly string[],
  values: readonly number[],
): void {
  list.replaceChildren(
    ...names.map((name, i) =>
      make(
        'li',
        {},
        make('span', { textContent: name, title: name }),
        make('progress', { value: values[i] ?? 0, max: 1, ariaLabel: name }),
        make('span', { textContent: percent(values[i] ?? 0) }),
      ),
    ),
  );
}

/** The grid of held-out pictures. */
export class Results {
  private readonly grid = element('grid', HTMLUListElement);
  private readonly text = element('results-text', HTMLElement);
  private data: DataSet | undefined;
  private shown: number[] = [];
  private probabilities: number[][] = [];
  private buttons: { button: HTMLButtonElement; said: HTMLSpanElement }[] = [];

  /** @param onChoose called when a picture is to be looked at: its place among those held out, and its class */
  constructor(private readonly onChoose: (index: number, className: string) => void) {}

  /** Shows the pictures of a set, of which nothing is said yet. */
  setData(data: DataSet): void {
    this.data = data;
    this.show(watchedOf(data.held));
    this.choose(0);
    this.text.textContent = 'Train, and see what it takes them for.';
  }

  /** The network is another one: nothing is said yet. */
  clear(): void {
    if (this.data) this.setData(this.data);
  }

  private show(indices: number[]): void {
    const { held } = this.data as DataSet;
    this.shown = indices;
    this.probabilities = [];
    this.buttons = indices.map((index, i) => {
      const canvas = make('canvas', { width: 56, height: 56, ariaHidden: 'true' });
      paint(canvas, held, index);
      const said = make('span', { textContent: this.nameOf(held.labels[index]) });
      const button = make('button', { type: 'button' }, canvas, said);
      button.addEventListener('click', () => {
        this.choose(i);
        element('look', HTMLElement).scrollIntoView({ block: 'nearest' });
      });
      this.describe(button, i);
      return { button, said };
    });
    this.grid.replaceChildren(...this.buttons.map(({ button }) => make('li', {}, button)));
  }

  private nameOf(label: number | undefined): string {
    return this.data?.classNames[label ?? -1] ?? '?';
  }

  private labelAt(i: number): number {
    return this.data?.held.labels[this.shown[i] as number] as number;
  }

  private describe(button: HTMLButtonElement, i: number): void {
    const own = this.probabilities[i];
    const name = this.nameOf(this.labelAt(i));
    button.ariaLabel = own
      ? `${name}, taken for ${this.nameOf(best(own))}, ${percent(Math.max(...own))} sure`
      : `${name}, not looked at yet`;
  }

  /** Says what the pictures that are shown were taken for. */
  update(probabilities: number[][]): void {
    this.probabilities = probabilities;
    let right = 0;
    this.buttons.forEach(({ button, said }, i) => {
      const own = probabilities[i];
      if (!own) return;
      const isRight = best(own) === this.labelAt(i);
      if (isRight) right++;
      button.className = isRight ? 'right' : 'wrong';
      said.textContent = isRight ? this.nameOf(best(own)) : `${this.nameOf(best(own))} ✗`;
      this.describe(button, i);
    });
    const count = Math.min(probabilities.length, this.buttons.length);
    this.text.textContent = `${right} of ${count} right. Choose one to see what each column sees in it.`;
  }

  /** Says how many of all that were held out are right. */
  finish(accuracy: number | null): void {
    if (accuracy === null || !this.data) return;
    const count = this.data.held.labels.length;
    this.text.textContent =
      `${Math.round(accuracy * count)} of ${count} held-out pictures right (${percent(accuracy, 1)}). ` +
      `Choose one to see what each column sees in it.`;
  }

  /** Hands a picture on to be looked at. */
  private choose(i: number): void {
    this.buttons.forEach(({ button }, k) => (button.ariaPressed = String(k === i)));
    const index = this.shown[i];
    if (index !== undefined) this.onChoose(index, this.nameOf(this.labelAt(i)));
  }
}
