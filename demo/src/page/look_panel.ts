/** How each column of the network sees one picture: maps of what speaks for a class, and how sure it is. */
import type { ColumnLook } from '../shared/messages';
import { pick, type Pictures } from '../shared/pictures';
import { element, make, percent } from './dom';
import { paint, paintMap } from './pixels';
import { best, showBars } from './results';

/** Milliseconds between two looks while the network learns. */
const LOOK_EVERY = 500;

/** Side of a map on the page, in pixels of its canvas. */
const MAP_SIDE = 112;

interface Subject {
  picture: Pictures;
  /** What it is, for people. */
  title: string;
}

const ROWS = ['top', 'middle', 'bottom'];
const SIDES = ['left', 'middle', 'right'];

/** Where in a picture a map is highest, in words. */
function placeOf(map: readonly number[], height: number, width: number): string {
  const at = best(map);
  const third = (i: number, of: number) => Math.floor((3 * (i + 0.5)) / of);
  const row = ROWS[third(Math.floor(at / width), height)] ?? '';
  const side = SIDES[third(at % width, width)] ?? '';
  return row === side ? 'in the middle' : `at the ${row} ${side}`;
}

export class LookPanel {
  private subject: Subject | undefined;
  private looks: ColumnLook[] = [];
  private classNames: readonly string[] = [];
  private isStale = false;
  private readonly columns = element('look-columns', HTMLUListElement);
  private readonly picture = element('look-picture', HTMLCanvasElement);
  private readonly wanted = element('look-class', HTMLSelectElement);

  /**
   * @param ask asks the worker; null where it has no network
   * @param isLive whether answers change by themselves
   */
  constructor(
    private readonly ask: (picture: Pictures) => Promise<ColumnLook[] | null>,
    private readonly isLive: () => boolean,
  ) {
    this.wanted.addEventListener('change', () => this.show());
    void this.follow();
  }

  /** The classes are others; no picture is chosen any more. */
  setClasses(classNames: readonly string[]): void {
    this.classNames = classNames;
    this.subject = undefined;
    this.wanted.replaceChildren(
      make('option', { value: '' }, 'what it says'),
      ...classNames.map((name, i) => make('option', { value: String(i) }, name)),
    );
    this.forget();
  }

  /** The network has become another one, or is gone. */
  forget(): void {
    this.looks = [];
    this.isStale = true;
    this.show();
  }

  /** Chooses the picture to look at. */
  choose(pictures: Pictures, index: number, title: string): void {
    this.subject = { picture: pick(pictures, [index]), title };
    this.isStale = true;
    paint(this.picture, pictures, index);
    this.picture.ariaLabel = title;
    element('look-name', HTMLElement).textContent = title;
  }

  /** Looks again with the next turn. */
  refresh(): void {
    this.isStale = true;
  }

  private async follow(): Promise<void> {
    const { subject } = this;
    if (subject && !document.hidden && (this.isStale || this.isLive())) {
      this.isStale = false;
      // A worker that was ended meanwhile has no answer.
      const looks = await this.ask(subject.picture).catch(() => null);
      if (looks && subject === this.subject) {
        this.looks = looks;
        this.show();
      }
    }
    setTimeout(() => void this.follow(), this.isStale ? 50 : LOOK_EVERY);
  }

  private show(): void {
    const { looks, subject, classNames } = this;
    const last = looks.at(-1);
    const place = element('look', HTMLElement);
    place.classList.toggle('empty', !last);
    if (!last || !subject) {
      this.columns.replaceChildren();
      showBars(element('look-bars', HTMLOListElement), classNames, []);
      return;
    }
    const said = best(last.probabilities);
    const shown = this.wanted.value === '' ? said : Number(this.wanted.value);
    const name = classNames[shown] ?? '?';
    const scale = Math.max(...looks.flatMap(({ maps }) => (maps[shown] ?? []).map(Math.abs)));
    this.columns.replaceChildren(
      ...looks.map(({ maps, height, width, probabilities }, i) => {
        const map = maps[shown] ?? [];
        const sure = percent(probabilities[shown] ?? 0);
        const canvas = make('canvas', { width: MAP_SIDE, height: MAP_SIDE, role: 'img' });
        canvas.ariaLabel = `Column ${i + 1}: most speaks for ${name} ${placeOf(map, height, width)}`;
        paint(canvas, subject.picture, 0);
        paintMap(canvas, { map, height, width }, scale);
        const caption = make('span', {}, `Column ${i + 1}`, make('b', {}, sure));
        return make('li', {}, canvas, caption);
      }),
    );
    element('look-of', HTMLElement).textContent = name;
    showBars(element('look-bars', HTMLOListElement), classNames, last.probabilities);
  }
}
