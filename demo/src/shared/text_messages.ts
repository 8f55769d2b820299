/** What the page's text corner and its worker say to each other. */

/** A run of the small language model. */
export interface WriterSettings {
  /** What it learns from. */
  text: string;
  /** Columns of the network. */
  columns: number;
  /** How what it writes begins. */
  prompt: string;
  seed: number;
}

export type ToTextWorker =
  /** Asks for the language of a text. */
  | { kind: 'language'; id: number; text: string }
  /** Begins to learn from a text, and ends what was learned before. */
  | { kind: 'learn'; settings: WriterSettings }
  | { kind: 'stop' }
  /** Asks for more, which begins with a prompt. */
  | { kind: 'write'; prompt: string };

/** A language's code (ISO 639-1) and its probability. */
export interface LanguageShare {
  code: string;
  share: number;
}

export type FromTextWorker =
  /** The languages, the most probable first. */
  | { kind: 'languages'; id: number; shares: LanguageShare[] }
  /** What a step would take in stored mode, as `memoryPlan` tells. */
  | { kind: 'planned'; storedBytes: number }
  | { kind: 'learned'; step: number; loss: number; peakBytes: number; charactersPerSecond: number }
  /** What it writes after so many steps. */
  | { kind: 'wrote'; step: number; text: string }
  | { kind: 'stopped'; step: number }
  | { kind: 'failed'; what: 'language' | 'writer'; message: string };
