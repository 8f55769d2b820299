/** What steps would take, asked of the planner and remembered. */
import type { FromPlanner, PlannedPeaks, PlanRequest } from '../shared/messages';

/** Numbers of columns that the curves go through; the first ones tell most. */
const COLUMNS = [2, 32, 8, 16, 4, 24];

type Situation = Pick<PlanRequest, 'side' | 'batch' | 'classes'>;

/** Curves of memory by columns. */
export class Plans {
  private readonly known = new Map<string, Map<number, PlannedPeaks>>();
  private readonly worker: Worker;
  private requests = 0;
  private key = '';

  /** @param onChange called when more is known, or what was asked for cannot be told */
  constructor(private readonly onChange: (problem?: string) => void) {
    this.worker = new Worker(new URL('planner.js', location.href), { type: 'module' });
    this.worker.onmessage = ({ data }: MessageEvent<FromPlanner>) => {
      if (data.id !== this.requests) return;
      if ('message' in data) return this.onChange(data.message);
      this.of(this.key).set(data.peaks.columns, data.peaks);
      this.onChange();
    };
  }

  private of(key: string): Map<number, PlannedPeaks> {
    const map = this.known.get(key) ?? new Map<number, PlannedPeaks>();
    this.known.set(key, map);
    return map;
  }

  /** Asks for the curves of a situation, and for some number of columns first. */
  ask(situation: Situation, columns: number): void {
    const { side, batch, classes } = situation;
    this.key = `${side},${batch},${classes}`;
    const known = this.of(this.key);
    const wanted = [...new Set([columns, ...COLUMNS])].filter((count) => !known.has(count));
    const request: PlanRequest = { id: ++this.requests, ...situation, columns: wanted };
    this.worker.postMessage(request);
    this.onChange();
  }

  /** What is known, by columns. */
  get peaks(): PlannedPeaks[] {
    return [...this.of(this.key).values()].sort((a, b) => a.columns - b.columns);
  }

  /** Peaks for some columns: planned, or between two that are; undefined for not yet. */
  at(columns: number): PlannedPeaks | undefined {
    const { peaks } = this;
    const above = peaks.find((peak) => peak.columns >= columns);
    const below = peaks.filter((peak) => peak.columns <= columns).at(-1);
    if (!above || !below) return undefined;
    if (above === below) return above;
    const share = (columns - below.columns) / (above.columns - below.columns);
    const mix = (name: 'reversible' | 'stored' | 'stock') =>
      below[name] + share * (above[name] - below[name]);
    return { columns, reversible: mix('reversible'), stored: mix('stored'), stock: mix('stock') };
  }
}
