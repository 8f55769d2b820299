/** The choices on the page: settings to inputs and back. */
import { SHIPPED_COLUMNS } from '../shared/network';
import {
  BACKPROP,
  BEGIN,
  DATA_SETS,
  fromLink,
  RANGES,
  type Settings,
  toLink,
  TRAINED,
} from '../shared/settings';
import { element, make } from './dom';

const DATA_NAMES = { digits: 'Digits', fashion: 'Fashion', doodles: 'Doodles', own: 'Yours' };

type Choice = readonly [value: string, text: string];

const WORDS = {
  train: { all: 'Everything', adapters: 'Adapters', head: 'Head only' },
  begin: { shipped: 'Shipped', fresh: 'Random', trained: 'Earlier weights' },
  backprop: { reversible: 'Reversible', stored: 'Stored' },
};

const choicesOf = <T extends string>(values: readonly T[], words: Record<T, string>): Choice[] =>
  values.map((value) => [value, words[value]]);

const SELECTS: { name: keyof Settings; label: string; choices: Choice[] }[] = [
  { name: 'train', label: 'Train', choices: choicesOf(TRAINED, WORDS.train) },
  { name: 'begin', label: 'Begin with', choices: choicesOf(BEGIN, WORDS.begin) },
  { name: 'backprop', label: 'Backward pass', choices: choicesOf(BACKPROP, WORDS.backprop) },
  { name: 'backend', label: 'Backend', choices: [['auto', 'Fastest here']] },
];

const NUMBERS: { name: keyof typeof RANGES; label: string }[] = [
  { name: 'epochs', label: 'Epochs' },
  { name: 'batch', label: 'Pictures in a step' },
  { name: 'side', label: 'Side, pixels' },
  { name: 'seed', label: 'Seed' },
];

/** All choices. */
export class Controls {
  settings: Settings;
  /** What a link asks for that there is not. */
  readonly refused: string[];
  private readonly inputs = new Map<keyof Settings, HTMLInputElement | HTMLSelectElement>();
  private readonly radios = new Map<string, HTMLInputElement>();
  private readonly slider = element('columns', HTMLInputElement);

  /** @param onChange called with the name of what was changed */
  constructor(private readonly onChange: (name: keyof Settings) => void) {
    const { settings, refused } = fromLink(location.hash);
    this.settings = settings;
    this.refused = refused;
    this.makeData();
    this.makeOptions();
    // Where there is room.
    element('more', HTMLDetailsElement).open = matchMedia('(min-width: 64rem)').matches;
    this.slider.addEventListener('input', () => this.set('columns', Number(this.slider.value)));
    this.show();
  }

  private makeData(): void {
    const place = element('data', HTMLElement);
    for (const value of DATA_SETS) {
      const input = make('input', { type: 'radio', name: 'data', value });
      input.addEventListener('change', () => this.set('data', value));
      this.radios.set(value, input);
      place.append(make('label', {}, input, DATA_NAMES[value]));
    }
  }

  private makeOptions(): void {
    const place = element('options', HTMLElement);
    for (const { name, label, choices } of SELECTS) {
      const select = make(
        'select',
        { id: `option-${name}` },
        ...choices.map(([value, text]) => make('option', { value }, text)),
      );
      select.addEventListener('change', () => this.set(name, select.value));
      this.inputs.set(name, select);
      place.append(make('label', { htmlFor: select.id }, label), select);
    }
    for (const { name, label } of NUMBERS) {
      const [least, most] = RANGES[name];
      const properties = { id: `option-${name}`, min: String(least), max: String(most) };
      const input = make('input', { type: 'number', step: '1', ...properties });
      input.addEventListener('change', () => {
        const value = Math.round(Number(input.value));
        this.set(name, Math.max(least, Math.min(most, Number.isFinite(value) ? value : least)));
        this.show();
      });
      this.inputs.set(name, input);
      place.append(make('label', { htmlFor: input.id }, label), input);
    }
  }

  private set(name: keyof Settings, value: string | number): void {
    this.settings = { ...this.settings, [name]: value };
    this.showColumns();
    history.replaceState(null, '', `#${toLink(this.settings)}`);
    this.onChange(name);
  }

  /** Takes other settings, and shows them. */
  take(settings: Settings): void {
    this.settings = { ...settings };
    this.show();
  }

  /** Says which backends there are to choose from. */
  offerBackends(names: readonly string[]): void {
    const select = this.inputs.get('backend') as HTMLSelectElement;
    const [auto] = select.options;
    select.replaceChildren(
      ...(auto ? [auto] : []),
      ...names.map((value) => make('option', { value }, value)),
    );
    select.value = this.settings.backend;
  }

  private showColumns(): void {
    element('columns-out', HTMLOutputElement).value = String(this.settings.columns);
  }

  private show(): void {
    const { settings } = this;
    for (const [name, input] of this.inputs) input.value = String(settings[name]);
    for (const [value, radio] of this.radios) radio.checked = value === settings.data;
    this.slider.value = String(settings.columns);
    this.showColumns();
    element('own', HTMLElement).hidden = settings.data !== 'own';
  }

  /** Locks what a run under way depends on. */
  lock(isLocked: boolean): void {
    for (const input of [...this.inputs.values(), ...this.radios.values(), this.slider]) {
      input.disabled = isLocked;
    }
  }

  /** What a run would begin with: the shipped weights are of one number of columns. */
  get begins(): Settings['begin'] {
    const { begin, columns } = this.settings;
    return begin === 'shipped' && columns !== SHIPPED_COLUMNS ? 'fresh' : begin;
  }

  /** A link to the page with these settings. */
  get link(): string {
    return `${location.origin}${location.pathname}#${toLink(this.settings)}`;
  }
}
