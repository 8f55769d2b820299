/** One's own pictures: 2 to 10 classes with names, and pictures from files, folders, the camera and the pad. */
import { type DataSet, holdOut, type Pictures } from '../shared/pictures';
import { button, element, make } from './dom';
import { paint, single, squareOf } from './pixels';

/** Side that pictures are kept at. */
const SIDE = 96;
const MOST_CLASSES = 10;
const LEAST_PICTURES = 2;
const THUMBS = 10;

interface OwnClass {
  name: string;
  pictures: Uint8Array<ArrayBuffer>[];
}

/** The classes; tells of every change. */
export class OwnPictures {
  classes: OwnClass[] = [
    { name: 'Class 1', pictures: [] },
    { name: 'Class 2', pictures: [] },
  ];
  private readonly place = element('classes', HTMLElement);
  private readonly records: HTMLButtonElement[] = [];
  private isLocked = false;
  private isCameraOn = false;

  /**
   * @param onChange called when classes or pictures are others
   * @param onRecord called when a class is to be recorded by the camera, and when no more
   * @param choose lets someone choose files for a class
   */
  constructor(
    private readonly onChange: () => void,
    private readonly onRecord: (index: number | null) => void,
    private readonly choose: (index: number) => void,
  ) {
    button('add-class').addEventListener('click', () => {
      this.addClass(`Class ${this.classes.length + 1}`);
      this.changed();
      this.place.querySelector<HTMLInputElement>('.own-class:last-child input')?.focus();
    });
    this.show();
  }

  /** The class of a name, made where there is none; undefined where there are too many. */
  private addClass(name: string): OwnClass | undefined {
    if (this.classes.length >= MOST_CLASSES) return undefined;
    const made = { name, pictures: [] };
    this.classes.push(made);
    return made;
  }

  private changed(): void {
    this.show();
    this.onChange();
  }

  /** Adds something that can be drawn to a class. */
  add(index: number, source: CanvasImageSource, width: number, height: number): void {
    this.classes[index]?.pictures.push(squareOf(source, width, height, SIDE));
    this.changed();
  }

  /**
   * Adds files by the names of their classes. Empty classes that nobody has named make room.
   *
   * @returns what could not be taken, in words
   */
  async addFiles(files: readonly { file: File; className: string | number }[]): Promise<string[]> {
    const problems: string[] = [];
    const names = new Set(
      files.flatMap(({ className }) => (typeof className === 'string' ? className : [])),
    );
    if (names.size > 0) {
      this.classes = this.classes.filter(
        ({ name, pictures }) => pictures.length > 0 || !/^Class \d+$/.test(name),
      );
    }
    const unread: string[] = [];
    const left = new Set<string>();
    for (const { file, className } of files) {
      const own =
        typeof className === 'number'
          ? this.classes[className]
          : (this.classes.find(({ name }) => name === className) ?? this.addClass(className));
      if (!own) {
        left.add(String(className));
        continue;
      }
      try {
        const bitmap = await createImageBitmap(file);
        own.pictures.push(squareOf(bitmap, bitmap.width, bitmap.height, SIDE));
        bitmap.close();
      } catch {
        unread.push(file.name);
      }
    }
    this.classes = this.classes.filter(({ pictures }, i) => pictures.length > 0 || i < 2);
    while (this.classes.length < 2) this.addClass(`Class ${this.classes.length + 1}`);
    if (unread.length > 0) {
      const more = unread.length > 1 ? ` and ${unread.length - 1} more` : '';
      problems.push(`The browser cannot read ${unread[0]}${more} as pictures.`);
    }
    if (left.size > 0) {
      problems.push(
        `There are ${MOST_CLASSES} classes at most: ${[...left].join(', ')} were left out.`,
      );
    }
    this.changed();
    return problems;
  }

  /** What is to be done before training, in words; null for nothing. */
  get missing(): string | null {
    const names = this.classes.map(({ name }) => name.trim());
    if (new Set(names).size < names.length) return 'Two classes have the same name.';
    if (names.includes('')) return 'A class has no name.';
    const poor = this.classes.find(({ pictures }) => pictures.length < LEAST_PICTURES);
    return poor ? `“${poor.name}” needs ${LEAST_PICTURES} pictures or more.` : null;
  }

  /** All pictures, as a set to learn from. */
  get data(): DataSet {
    const labels = this.classes.flatMap(({ pictures }, c) => pictures.map(() => c));
    const size = 3 * SIDE * SIDE;
    const pixels = new Uint8Array(labels.length * size);
    this.classes.flatMap(({ pictures }) => pictures).forEach((p, i) => pixels.set(p, i * size));
    const all: Pictures = { pixels, side: SIDE, channels: 3, labels };
    return holdOut(
      all,
      this.classes.map(({ name }) => name.trim()),
    );
  }

  lock(isLocked: boolean): void {
    this.isLocked = isLocked;
    this.show();
  }

  /** Shows buttons to record while the camera is on. */
  setCamera(isOn: boolean): void {
    this.isCameraOn = isOn;
    this.show();
  }

  private show(): void {
    const focused = document.activeElement;
    const typing = focused instanceof HTMLInputElement ? focused : null;
    const selected = [typing?.selectionStart ?? null, typing?.selectionEnd ?? null] as const;
    this.records.length = 0;
    this.place.replaceChildren(...this.classes.map((own, index) => this.rowOf(own, index)));
    button('add-class').disabled = this.isLocked || this.classes.length >= MOST_CLASSES;
    // Pictures come while somebody types, who must not notice.
    const again = focused?.id ? document.getElementById(focused.id) : null;
    if (again === focused) return;
    again?.focus();
    if (again instanceof HTMLInputElement) again.setSelectionRange(...selected);
  }

  private rowOf(own: OwnClass, index: number): HTMLElement {
    const name = make('input', { type: 'text', value: own.name, id: `class-${index}` });
    name.ariaLabel = `Name of class ${index + 1}`;
    name.maxLength = 40;
    name.addEventListener('input', () => {
      own.name = name.value;
    });
    name.addEventListener('change', () => this.onChange());
    const remove = make('button', { type: 'button', textContent: '✕' });
    remove.ariaLabel = `Remove ${own.name}`;
    remove.disabled = this.isLocked || this.classes.length <= 2;
    remove.addEventListener('click', () => {
      this.classes.splice(index, 1);
      this.changed();
    });
    const add = make('button', {
      type: 'button',
      textContent: 'Add pictures…',
      id: `add-${index}`,
    });
    add.ariaLabel = `Add pictures to ${own.name}`;
    add.addEventListener('click', () => this.choose(index));
    const actions = [add, ...(this.isCameraOn ? [this.recordButton(own, index)] : [])];
    for (const one of [name, ...actions]) one.disabled = this.isLocked;
    const thumbs = own.pictures.slice(-THUMBS).map((pixels) => {
      const canvas = make('canvas', { width: 52, height: 52 });
      paint(canvas, single(pixels, SIDE), 0);
      return canvas;
    });
    const count = make('span', { textContent: `${own.pictures.length} pictures` });
    return make(
      'div',
      { className: 'own-class' },
      name,
      remove,
      make('div', { className: 'samples thumbs', ariaHidden: 'true' }, ...thumbs),
      make('div', { className: 'row' }, ...actions, count),
    );
  }

  private recordButton(own: OwnClass, index: number): HTMLButtonElement {
    const record = make('button', {
      type: 'button',
      textContent: 'Hold to record',
      id: `record-${index}`,
    });
    record.ariaLabel = `Hold to record ${own.name}`;
    record.addEventListener('pointerdown', () => this.onRecord(index));
    record.addEventListener('keydown', ({ key, repeat }) => {
      if (!repeat && (key === ' ' || key === 'Enter')) this.onRecord(index);
    });
    record.addEventListener('keyup', () => this.onRecord(null));
    return record;
  }
}
