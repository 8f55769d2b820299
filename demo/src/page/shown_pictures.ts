/** The pictures that the settings name: loaded, shown, and put into words. */
import { loadBundled } from '../data/bundled';
import type { DataSet } from '../shared/pictures';
import type { Settings } from '../shared/settings';
import { element, make } from './dom';
import { paint } from './pixels';

/** Pictures that are shown of a bundled set. */
const SAMPLES = 20;

export class ShownPictures {
  data: DataSet | undefined;
  private readonly samples = element('samples', HTMLElement);

  /**
   * @param settings what is chosen now
   * @param ownData gives one's own pictures, or says what they lack
   */
  constructor(
    private readonly settings: () => Settings,
    private readonly ownData: () => DataSet | string,
  ) {}

  /**
   * Loads them.
   *
   * @returns the pictures, what one's own lack, or undefined where others have been chosen meanwhile
   */
  async load(): Promise<DataSet | string | undefined> {
    const { data: name } = this.settings();
    const data = name === 'own' ? this.ownData() : await loadBundled(name);
    if (name !== this.settings().data) return undefined;
    if (typeof data === 'string') {
      this.data = undefined;
      this.samples.replaceChildren();
    }
    return data;
  }

  /** Takes pictures, and shows some. */
  use(data: DataSet): void {
    this.data = data;
    // One's own show beside their classes.
    const isOwn = this.settings().data === 'own';
    const count = isOwn ? 0 : Math.min(SAMPLES, data.train.labels.length);
    const canvases = Array.from({ length: count }, (_, i) => {
      const canvas = make('canvas', { width: 56, height: 56 });
      paint(canvas, data.train, i);
      return canvas;
    });
    this.samples.replaceChildren(...canvases);
  }

  get classNames(): string[] {
    return this.data?.classNames ?? [];
  }

  /** How many there are; nothing where there are none. */
  get summary(): string {
    if (!this.data) return '';
    const { train, held, classNames } = this.data;
    return (
      `${train.labels.length} pictures of ${classNames.length} classes to train on, ` +
      `${held.labels.length} held out to test with.`
    );
  }
}
