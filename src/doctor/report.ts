/** What the doctor tells: the figures, and what they mean in words. A report is plain JSON. */

/**
 * What a finding is about. `'wrong'`: numbers that cannot be trusted, or a failure. `'limit'`: something that
 * cannot be done here. `'slow'`: it works, and could be faster. `'note'`: good to know.
 */
export type DoctorFindingKind = 'wrong' | 'limit' | 'slow' | 'note';

/** Something that whoever asked should know. */
export interface DoctorFinding {
  kind: DoctorFindingKind;
  /** Short name that does not change, for scripts: `'no-adapter'`, `'two-copies'`, ... */
  code: string;
  /** What is the matter, and why. */
  text: string;
  /** What to do; absent where there is nothing to do. */
  advice?: string;
}

/**
 * How a check went. `'imprecise'`: the numbers are roughly right, but have fewer digits than float32 gives.
 * `'left out'`: it was not run, because an earlier one had ended the examination or the backend cannot do it.
 */
export type DoctorCheckState = 'passed' | 'imprecise' | 'failed' | 'left out';

/** One comparison with what must come out. */
export interface DoctorCheck {
  /** What is checked, for example `'reversible gradients of an image network'`. */
  name: string;
  state: DoctorCheckState;
  /** Relative error of the worst tensor; absent where nothing was compared. */
  error?: number;
  /** The largest error that passes. */
  limit?: number;
  /** What came out, in a sentence. */
  text: string;
}

/** How long a training step of a small network takes. */
export interface DoctorStep {
  backprop: 'reversible' | 'stored';
  /** Median, in ms. */
  milliseconds: number;
  /** The first step, with whatever is compiled in it, in ms. */
  firstMilliseconds: number;
}

/** Most bytes in tensors during a training step of a small network with so many columns. */
export interface DoctorMemory {
  backprop: 'reversible' | 'stored';
  columns: number;
  peakBytes: number;
}

/** A published size, and whether it can be trained here; only with `full`. */
export interface DoctorFit {
  model: string;
  /** Of a step with one image and AdamW, and with 8-bit or no moments at least: what `memoryPlan` says. */
  peakBytes: number;
  leastBytes: number;
  fits: 'yes' | 'with less' | 'no';
}

/**
 * What becomes of a backend. `'works'`: all checks passed. `'imprecise'`: none failed, but some have fewer digits than
 * they should. `'wrong'`: numbers are wrong. `'fails'`: it does not start, or stopped in the middle. `'absent'`: it
 * is not here.
 */
export type DoctorBackendState = 'works' | 'imprecise' | 'wrong' | 'fails' | 'absent';

/** What was found out about one backend. */
export interface DoctorBackend {
  backend: string;
  state: DoctorBackendState;
  /** What it runs on: threads, versions, limits, the name of the graphics card. */
  facts: Record<string, string | number | boolean | null>;
  checks: DoctorCheck[];
  steps: DoctorStep[];
  memory: DoctorMemory[];
  fits: DoctorFit[];
  findings: DoctorFinding[];
}

/**
 * What comes of it all. `'works'`: everything that is here works. `'ill'`: something that is here computes wrongly or
 * fails. `'nothing'`: there is no backend to compute with.
 */
export type DoctorVerdict = 'works' | 'ill' | 'nothing';

/** What the doctor found. */
export interface DoctorReport {
  /** Raised whenever the meaning of a field changes. */
  schema: 1;
  /** Version of tfjs-revcol. */
  version: string;
  /** When, in ISO 8601. */
  date: string;
  verdict: DoctorVerdict;
  /** The backend with the fastest training step among those that work; null where none does. */
  fastest: string | null;
  /** The program's surroundings: versions, processor threads, whether the page is isolated. */
  facts: Record<string, string | number | boolean | null>;
  /** Of the surroundings; those of a backend are there. */
  findings: DoctorFinding[];
  backends: DoctorBackend[];
}

/** A report on a backend of which nothing is known yet. */
export function blankBackend(backend: string, state: DoctorBackendState): DoctorBackend {
  return { backend, state, facts: {}, checks: [], steps: [], memory: [], fits: [], findings: [] };
}
