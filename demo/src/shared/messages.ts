/** What the page and its workers say to each other. */
import type { DataSet, Pictures } from './pictures';
import type { BackendName, Settings } from './settings';

/** How a run stands that the browser's database holds. */
export interface KeptRun {
  step: number;
  epochsDone: number;
  /** Whether it has come to its end. */
  isDone: boolean;
  /** What was measured as it went. */
  points: { step: number; loss?: number; accuracy?: number; held?: number; peakBytes?: number }[];
}

export type ToWorker =
  | { kind: 'boot'; backend: Settings['backend'] }
  /** `resume`: what `started` said of the run to go on with; null to begin anew. */
  | { kind: 'train'; settings: Settings; data: DataSet; resume: { hasHead: boolean } | null }
  | { kind: 'pause' }
  /** Asks for classes of pictures. */
  | { kind: 'predict'; id: number; pictures: Pictures }
  /** Asks for the shipped weights as the network, and what that takes the held-out pictures for. */
  | { kind: 'bring'; id: number; settings: Settings; data: DataSet }
  /** Asks how each column sees a picture. */
  | { kind: 'look'; id: number; picture: Pictures }
  /** Asks for the model's weights as safetensors. */
  | { kind: 'save'; id: number }
  /** Hands over a checkpoint, for a network of these settings and classes. */
  | { kind: 'open'; id: number; file: Blob; settings: Settings; classNames: string[] }
  /** Asks for what the browser's database holds. */
  | { kind: 'kept'; id: number }
  /** Forgets what it holds. */
  | { kind: 'forget'; id: number };

/** Why training ended too early. */
export type FailureKind = 'memory' | 'device' | 'diverged' | 'other';

/** A step that has been taken. */
export interface StepNews {
  step: number;
  steps: number;
  epoch: number;
  epochs: number;
  loss: number;
  accuracy: number;
  peakBytes: number;
  imagesPerSecond: number;
  secondsLeft: number;
  /** Milliseconds that the step took. */
  ms: number;
}

/** Probabilities of the held-out pictures that the page shows, by picture and class. */
export interface Watched {
  step: number;
  probabilities: number[][];
}

/** What the shipped weights make of held-out pictures. */
export interface Judged {
  /** Of those that the page shows, by picture and class. */
  probabilities: number[][];
  /** How many of all are taken for what they are. */
  right: number;
}

/** How a column sees a picture. */
export interface ColumnLook {
  /** What the head would say of its features, by class. */
  probabilities: number[];
  /** Places of a map. */
  height: number;
  width: number;
  /** For each class a map, rows from the top: what speaks for it at each place, and against it below 0. */
  maps: number[][];
}

export interface DoneNews {
  accuracy: number | null;
  seconds: number;
  steps: number;
  stopped: string;
  trainedParameters: number;
}

export type FromWorker =
  | { kind: 'ready'; backend: BackendName; threads: number; available: BackendName[]; why: string }
  | { kind: 'started'; hasHead: boolean }
  | { kind: 'step'; news: StepNews }
  | { kind: 'epoch'; epoch: number; step: number; accuracy: number | null; loss: number | null }
  | { kind: 'watched'; watched: Watched }
  | { kind: 'saveFailed'; message: string }
  | { kind: 'paused'; step: number }
  | { kind: 'done'; news: DoneNews }
  | { kind: 'failed'; failure: FailureKind; message: string }
  | { kind: 'answer'; id: number; value: unknown }
  | { kind: 'refused'; id: number; message: string };

/** Peaks of a training step of some columns, in bytes. */
export interface PlannedPeaks {
  columns: number;
  reversible: number;
  stored: number;
  stock: number;
}

/** What the planner is asked: peaks for each number of columns, in that order. */
export interface PlanRequest {
  id: number;
  side: number;
  batch: number;
  classes: number;
  columns: number[];
}

export type FromPlanner = { id: number; peaks: PlannedPeaks } | { id: number; message: string };

/** What the doctor's worker tells: what it is at, then what it found. */
export type FromDoctor = { doing: string } | { text: string };
