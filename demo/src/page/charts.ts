/** The charts: what was measured, beside what stored mode and stock tfjs would take. */
import type uPlot from 'uplot';

import type { PlannedPeaks } from '../shared/messages';
import {
  axis,
  bytesAxis,
  bytesRange,
  Chart,
  color,
  type Data,
  fromZero,
  GHOST,
  line,
  linear,
  stepRange,
} from './chart';
import { megabytes, percent } from './dom';

/** Bytes at which wasm's memory, of 32-bit addresses, ends. */
export const WASM_END = 2 ** 32;

/** A point of a run. */
export interface RunPoint {
  step: number;
  loss?: number;
  accuracy?: number;
  held?: number;
  peakBytes?: number;
}

/** What a run took. */
export interface Measured {
  columns: number;
  backprop: 'reversible' | 'stored';
  peakBytes: number;
}

/** All three. */
export class Charts {
  private columns = 4;

  private readonly byColumns = new Chart('by-columns', () => ({
    title: 'Memory by columns',
    series: [
      {},
      line('RevCol, reversible', color('reversible'), { width: 3 }),
      line('stored mode', color('stored'), GHOST),
      line('stock tfjs', color('stock'), GHOST),
      line('a tab’s wasm ends', color('limit'), { width: 2 }),
      line('measured here', color('reversible'), dots('reversible')),
      line('measured, stored', color('stored'), dots('stored')),
    ],
    axes: [axis({ label: 'columns', labelSize: 20, size: 30 }), bytesAxis()],
    scales: { x: { ...linear, range: [2, 32] }, y: { ...linear, range: bytesRange } },
    hooks: { draw: [(plot) => this.markColumns(plot)] },
  }));

  private readonly learning = new Chart('learning', () => ({
    title: 'Learning',
    series: [
      {},
      line('loss', color('stored'), { scale: 'loss' }),
      line('right, training', color('reversible'), { scale: 'share', width: 1.5 }),
      line('right, held out', color('right'), {
        scale: 'share',
        points: { show: true, size: 8, fill: color('right') },
      }),
    ],
    axes: [
      axis({ label: 'steps', labelSize: 20, size: 30 }),
      axis({ scale: 'loss', size: 40 }),
      axis({
        scale: 'share',
        side: 1,
        size: 50,
        grid: { show: false },
        values: (_, ticks) => ticks.map((v) => percent(v)),
      }),
    ],
    scales: {
      x: { ...linear, range: stepRange },
      loss: { ...linear, range: fromZero },
      share: { ...linear, range: [0, 1] },
    },
  }));

  private readonly byStep = new Chart('by-step', () => ({
    title: 'Memory, step by step',
    series: [
      {},
      line('this run', color('reversible'), { width: 3 }),
      line('stored mode', color('stored'), GHOST),
      line('stock tfjs', color('stock'), GHOST),
    ],
    axes: [axis({ label: 'steps', labelSize: 20, size: 30 }), bytesAxis()],
    scales: { x: { ...linear, range: stepRange }, y: { ...linear, range: bytesRange } },
  }));

  /** A line at the number of columns that is chosen. */
  private markColumns({ ctx, bbox, valToPos }: uPlot): void {
    const x = valToPos(this.columns, 'x', true);
    ctx.save();
    ctx.strokeStyle = color('ink');
    ctx.globalAlpha = 0.5;
    ctx.setLineDash([2, 3]);
    ctx.beginPath();
    ctx.moveTo(x, bbox.top);
    ctx.lineTo(x, bbox.top + bbox.height);
    ctx.stroke();
    ctx.restore();
  }

  showColumns(
    peaks: readonly PlannedPeaks[],
    measured: readonly Measured[],
    columns: number,
  ): void {
    this.columns = columns;
    const xs = [
      ...new Set([2, 32, ...peaks.map((p) => p.columns), ...measured.map((m) => m.columns)]),
    ];
    xs.sort((a, b) => a - b);
    const planned = (name: 'reversible' | 'stored' | 'stock') =>
      xs.map((x) => peaks.find((p) => p.columns === x)?.[name] ?? null);
    const found = (mode: Measured['backprop']) =>
      xs.map(
        (x) => measured.find((m) => m.columns === x && m.backprop === mode)?.peakBytes ?? null,
      );
    const data: Data = [
      xs,
      planned('reversible'),
      planned('stored'),
      planned('stock'),
      xs.map(() => WASM_END),
      found('reversible'),
      found('stored'),
    ];
    const said = peaks.map(
      (p) =>
        `${p.columns} columns: reversible ${megabytes(p.reversible)}, stored ${megabytes(p.stored)}, ` +
        `stock tfjs ${megabytes(p.stock)}`,
    );
    this.byColumns.show(data, `Memory of a training step. ${said.join('; ')}.`);
  }

  showRun(points: readonly RunPoint[], planned: PlannedPeaks | undefined): void {
    const xs = points.map(({ step }) => step);
    const of = (name: Exclude<keyof RunPoint, 'step'>) => points.map((p) => p[name] ?? null);
    const last = points.at(-1);
    const held = points.filter((p) => p.held !== undefined).at(-1)?.held;
    const text = last
      ? `Step ${last.step}: loss ${last.loss?.toFixed(2) ?? 'unknown'}` +
        (held === undefined ? '' : `, ${percent(held)} of held-out pictures right`)
      : 'No step has been taken yet';
    this.learning.show([xs, of('loss'), of('accuracy'), of('held')], text);
    const level = (bytes: number | undefined) => xs.map(() => bytes ?? null);
    const memory =
      last?.peakBytes === undefined ? 'nothing measured yet' : megabytes(last.peakBytes);
    this.byStep.show(
      [xs, of('peakBytes'), level(planned?.stored), level(planned?.stock)],
      `Memory of the last step: ${memory}` +
        (planned
          ? `; stored mode would take ${megabytes(planned.stored)}, stock tfjs ${megabytes(planned.stock)}`
          : ''),
    );
  }
}

function dots(name: 'reversible' | 'stored'): uPlot.Series {
  const points = { show: true, size: 10, fill: color('paper'), stroke: color(name), width: 3 };
  return { width: 0, points, paths: () => null };
}
