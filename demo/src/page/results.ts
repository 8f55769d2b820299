/** What the network takes held-out pictures for; any of them can be looked at. */
import type { Mistaken } from '../shared/messages';
import type { DataSet, Pictures } from '../shared/pictures';
import { watchedOf } from '../shared/pictures';
import { element, make, percent } from './dom';
import { paint } from './pixels';

const best = (values: readonly number[]) => values.indexOf(Math.max(...values));

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

  /** Shows the pictures of a set, of which nothing is said yet. */
  setData(data: DataSet): void {
    this.data = data;
    this.show(watchedOf(data.held));
    this.text.textContent = 'Train, and see what it takes them for.';
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
      button.addEventListener('click', () => this.look(i));
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
    this.text.textContent = `${right} of ${count} right. Choose one to see how sure it is.`;
  }

  /** After training: how many were wrong in all. */
  finish(mistakes: readonly Mistaken[], accuracy: number | null): void {
    if (accuracy === null || !this.data) return;
    const count = this.data.held.labels.length;
    const wrong = Math.round((1 - accuracy) * count);
    this.text.textContent =
      `${count - wrong} of ${count} held-out pictures right (${percent(accuracy, 1)}). ` +
      (mistakes.length > 0 ? 'Choose one to see how sure it is.' : '');
  }

  private look(i: number): void {
    const { held, classNames } = this.data as DataSet;
    const own = this.probabilities[i];
    const name = this.nameOf(this.labelAt(i));
    const canvas = element('look-picture', HTMLCanvasElement);
    canvas.ariaLabel = `Picture of class ${name}`;
    paint(canvas, held as Pictures, this.shown[i] as number);
    element('look-title', HTMLElement).textContent = own
      ? `This is ${name}; it says ${this.nameOf(best(own))}`
      : `This is ${name}; train, and it will say what it sees`;
    showBars(element('look-bars', HTMLOListElement), classNames, own ?? []);
    element('look', HTMLDialogElement).showModal();
  }
}
