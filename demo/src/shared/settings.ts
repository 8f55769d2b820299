/** What a person chooses on the page, and how it travels in a link. */

/** Where the pictures come from. */
export const DATA_SETS = ['digits', 'fashion', 'doodles', 'own'] as const;
export const TRAINED = ['all', 'adapters', 'head'] as const;
export const BACKPROP = ['reversible', 'stored'] as const;
export const BEGIN = ['shipped', 'fresh', 'trained'] as const;
export const BACKENDS = ['auto', 'wasm', 'webgl', 'webgpu', 'cpu'] as const;

export type BackendName = Exclude<(typeof BACKENDS)[number], 'auto'>;

/** All choices of a run. */
export interface Settings {
  data: (typeof DATA_SETS)[number];
  /** Columns of the network, 2 to 32. */
  columns: number;
  /** Mode of the backward pass. */
  backprop: (typeof BACKPROP)[number];
  /** What is trained. */
  train: (typeof TRAINED)[number];
  /** The weights that come with the page, random ones, or those that the page trained or opened last. */
  begin: (typeof BEGIN)[number];
  /** Pictures in a step. */
  batch: number;
  /** Side of the pictures as the network sees them, in pixels. */
  side: number;
  epochs: number;
  /** Of everything that is random. */
  seed: number;
  backend: (typeof BACKENDS)[number];
}

export const DEFAULTS: Readonly<Settings> = {
  data: 'digits',
  columns: 2,
  backprop: 'reversible',
  train: 'all',
  begin: 'shipped',
  batch: 32,
  side: 28,
  epochs: 5,
  seed: 1,
  backend: 'auto',
};

/** Whole numbers that each setting may be. */
export const RANGES = {
  columns: [2, 32],
  batch: [4, 128],
  side: [16, 96],
  epochs: [1, 100],
  seed: [0, 99_999],
} as const;

const CHOICES = {
  data: DATA_SETS,
  backprop: BACKPROP,
  train: TRAINED,
  begin: BEGIN,
  backend: BACKENDS,
} as const;

/** The settings as the part of a link behind `#`: only what is not the default. */
export function toLink(settings: Settings): string {
  const parameters = new URLSearchParams();
  for (const name of Object.keys(DEFAULTS) as (keyof Settings)[]) {
    if (settings[name] !== DEFAULTS[name]) parameters.set(name, String(settings[name]));
  }
  return parameters.toString();
}

/**
 * Reads such a part. A link may come from anywhere: what is unknown or out of range is left out and named.
 */
export function fromLink(text: string): { settings: Settings; refused: string[] } {
  const settings = { ...DEFAULTS };
  const refused: string[] = [];
  for (const [name, value] of new URLSearchParams(text.replace(/^#/, ''))) {
    if (!take(settings, name, value)) refused.push(`${name}=${value}`);
  }
  return { settings, refused };
}

function take(settings: Settings, name: string, value: string): boolean {
  if (Object.hasOwn(RANGES, name)) {
    const [least, most] = RANGES[name as keyof typeof RANGES];
    const number = Number(value);
    // An empty value would be 0.
    if (value === '' || !Number.isInteger(number) || number < least || number > most) return false;
    settings[name as keyof typeof RANGES] = number;
    return true;
  }
  if (!Object.hasOwn(CHOICES, name)) return false;
  const choices: readonly string[] = CHOICES[name as keyof typeof CHOICES];
  if (!choices.includes(value)) return false;
  Object.assign(settings, { [name]: value });
  return true;
}
