/** What tables say of repeated timings. */
import { median, min, quantileSorted } from 'simple-statistics';

/** One timed run. */
export interface Sample {
  /** Which round it belongs to: contestants of one round ran one right after the other. */
  round: number;
  /** Wall-clock time. */
  ms: number;
  /** Processor time of all threads of the contestant. */
  cpuMs: number;
  /** Share of the whole machine that other processes used meanwhile, 0 to 1; null where unknown. */
  others: number | null;
}

/** A summary of samples. */
export interface Summary {
  count: number;
  median: number;
  min: number;
  /** Half of the samples lie between these. */
  quartiles: [number, number];
}

/**
 * Median, minimum and quartiles of some numbers.
 *
 * @throws {Error} when there is none
 */
export function summarize(values: readonly number[]): Summary {
  if (values.length === 0) throw new Error('there is no sample to summarize');
  const sorted = [...values].sort((a, b) => a - b);
  return {
    count: values.length,
    median: median(sorted),
    min: min(sorted),
    quartiles: [quantileSorted(sorted, 0.25), quantileSorted(sorted, 0.75)],
  };
}

/**
 * Time over that of a reference, round by round: what else the machine did hits both sides of a
 * ratio alike. Rounds that either lacks do not count.
 *
 * @returns null when there is no round that both have
 */
export function ratioByRound(
  samples: readonly Sample[],
  reference: readonly Sample[],
): Summary | null {
  const base = new Map(reference.map(({ round, ms }) => [round, ms]));
  const ratios = samples.flatMap(({ round, ms }) => {
    const other = base.get(round);
    return other === undefined ? [] : [ms / other];
  });
  return ratios.length === 0 ? null : summarize(ratios);
}

/** Median share of the machine that others used during samples; null where it is not known. */
export function othersShare(samples: readonly Sample[]): number | null {
  const known = samples.flatMap(({ others }) => (others === null ? [] : [others]));
  return known.length === 0 ? null : median(known);
}
