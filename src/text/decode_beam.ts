/** Beam search. */
import { requireInteger, shown } from '../common/arguments';
import { type OptionNames, requireOptions } from '../common/options';
import { checkDecoding, type Stepper, withStepper } from './decode_steps';
import { DECODE_OPTIONS, type Decoded, type DecodeOptions, type StepModel } from './step_model';

/** Options of `beamSearch`. */
export interface BeamOptions extends DecodeOptions {
  /** Hypotheses that are followed per prompt, from 1. Default 4. */
  beams?: number;
  /**
   * Exponent of the length penalty (Wu et al. 2016, arXiv 1609.08144, section 7): scores are
   * `logProb / ((5 + length) / 6) ** lengthPenalty`. 0 compares bare probabilities, which favours
   * short sequences. Default 0.6.
   */
  lengthPenalty?: number;
  /**
   * Whether a prompt is finished as soon as `beams` hypotheses have ended (default). Otherwise it
   * goes on until no open hypothesis can overtake them: slower, and exact for the beam.
   */
  earlyStop?: boolean;
}

/** Their names. */
export const BEAM_OPTIONS: OptionNames<BeamOptions> = {
  ...DECODE_OPTIONS,
  beams: true,
  lengthPenalty: true,
  earlyStop: true,
};

/** A sequence found by beam search. */
export interface Hypothesis extends Decoded {
  /** `logProb` over the length penalty; what hypotheses are ranked by. */
  score: number;
}

/** A sequence that has not ended, and its row in the last step. */
interface Open {
  ids: number[];
  logProb: number;
  row: number;
}

/** The search for one prompt. */
interface Search {
  open: Open[];
  /** Ended hypotheses, best first, at most `beams`. */
  ended: Hypothesis[];
}

type Settings = BeamOptions & Required<Pick<BeamOptions, 'beams' | 'lengthPenalty' | 'earlyStop'>>;

/**
 * Beam search: follows the `beams` most probable beginnings of every prompt at once. Prompts that
 * are finished leave the batch.
 *
 * @param prompts token ids, one row per sequence, all of the same length from 1
 * @returns per prompt at most `beams` hypotheses, best first. Those that have not ended at
 *   `maxNewTokens` compete as they are
 * @throws {Error} when prompts or options are out of range, or the logits are not numbers
 */
export async function beamSearch(
  model: StepModel,
  prompts: readonly (readonly number[])[],
  options: BeamOptions,
): Promise<Hypothesis[][]> {
  requireOptions('beamSearch', options, BEAM_OPTIONS);
  return decodeBeams('beamSearch', model, prompts, options);
}

/** `beamSearch` in the name of another function, which has checked the names of the options. */
export async function decodeBeams(
  owner: string,
  model: StepModel,
  prompts: readonly (readonly number[])[],
  options: BeamOptions,
): Promise<Hypothesis[][]> {
  checkDecoding(owner, prompts, options, 'one length');
  const { beams = 4, lengthPenalty = 0.6, earlyStop = true } = options;
  requireInteger(owner, 'beams', beams, 1);
  if (!Number.isFinite(lengthPenalty)) {
    throw new Error(`${owner}: lengthPenalty is ${shown(lengthPenalty)}; expected a number`);
  }
  const settings = { ...options, beams, lengthPenalty, earlyStop };
  return withStepper(owner, model, options, (stepper) => run(stepper, prompts, settings));
}

async function run(
  stepper: Stepper,
  prompts: readonly (readonly number[])[],
  settings: Settings,
): Promise<Hypothesis[][]> {
  const searches = prompts.map((_, row): Search => ({
    open: [{ ids: [], logProb: 0, row }],
    ended: [],
  }));
  let next = prompts;
  for (let count = 1; count <= settings.maxNewTokens; count++) {
    const logProbs = await stepper.step(next);
    for (const search of searches) {
      extend(search, logProbs, settings);
      if (isFinished(search, settings)) search.open = [];
    }
    const open = searches.flatMap((search) => search.open);
    if (open.length === 0 || count === settings.maxNewTokens) break;
    stepper.select(open.map(({ row }) => row));
    open.forEach((hypothesis, row) => {
      hypothesis.row = row;
    });
    next = open.map(({ ids }) => [ids[ids.length - 1] as number]);
  }
  return searches.map(({ open, ended }) =>
    best([...ended, ...open.map((o) => closed(o, false, settings))], settings),
  );
}

/**
 * Replaces open hypotheses by their most probable continuations. Of twice as many candidates as
 * beams at least `beams` go on, since each hypothesis has one ending only.
 */
function extend(search: Search, logProbs: readonly Float64Array[], settings: Settings): void {
  const { beams, endId } = settings;
  const candidates = continuations(search.open, logProbs, 2 * beams);
  search.open = [];
  const ended: Hypothesis[] = [];
  candidates.forEach(({ from, id, logProb }, rank) => {
    if (id !== endId) {
      if (search.open.length === beams) return;
      search.open.push({ ids: [...from.ids, id], logProb, row: from.row });
    } else if (rank < beams) {
      // A worse ending would not have been followed either.
      ended.push(closed({ ...from, logProb }, true, settings));
    }
  });
  search.ended = best([...search.ended, ...ended], settings);
}

interface Continuation {
  from: Open;
  id: number;
  logProb: number;
}

/** The `count` most probable continuations by one token, best first; of equals, the lowest id. */
function continuations(
  open: readonly Open[],
  logProbs: readonly Float64Array[],
  count: number,
): Continuation[] {
  const found: Continuation[] = [];
  for (const from of open) {
    logProbs[from.row]?.forEach((tokenLogProb, id) => {
      const logProb = from.logProb + tokenLogProb;
      const worst = found.length < count ? -Infinity : (found[count - 1] as Continuation).logProb;
      if (!(logProb > worst)) return;
      const at = found.findIndex((other) => other.logProb < logProb);
      found.splice(at < 0 ? found.length : at, 0, { from, id, logProb });
      if (found.length > count) found.pop();
    });
  }
  return found;
}

function closed(
  { ids, logProb }: Omit<Open, 'row'>,
  ended: boolean,
  settings: Settings,
): Hypothesis {
  const score = logProb / penalty(ids.length + (ended ? 1 : 0), settings);
  return { ids, logProb, ended, score };
}

function penalty(length: number, { lengthPenalty }: Settings): number {
  return ((5 + length) / 6) ** lengthPenalty;
}

function best(hypotheses: Hypothesis[], { beams }: Settings): Hypothesis[] {
  return hypotheses.sort((a, b) => b.score - a.score).slice(0, beams);
}

function isFinished({ open, ended }: Search, settings: Settings): boolean {
  const { beams, earlyStop, maxNewTokens } = settings;
  const [first] = open;
  if (!first) return true;
  if (ended.length < beams) return false;
  if (earlyStop) return true;
  // No continuation is more probable; of the lengths it may reach, take the most favourable.
  const lengths = [first.ids.length + 1, maxNewTokens];
  const attainable = Math.max(...lengths.map((n) => first.logProb / penalty(n, settings)));
  return (ended[ended.length - 1] as Hypothesis).score >= attainable;
}
