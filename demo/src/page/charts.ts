/** The charts: what was measured, beside what stored mode and stock tfjs would take. */
import uPlot from 'uplot';

import type { PlannedPeaks } from '../shared/messages';
import { element, megabytes, percent } from './dom';

/** Bytes at which wasm's memory, of 32-bit addresses, ends. */
export const WASM_END = 2 ** 32;

const HEIGHT = 210;

type Data = uPlot.AlignedData;

interface Look {
  title: string;
  series: uPlot.Series[];
  axes: uPlot.Axis[];
  scales: uPlot.Scales;
  hooks?: uPlot.Hooks.Arrays;
}

const color = (name: string) =>
  getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();

/** A chart that follows the width of its place, and light and dark. */
class Chart {
  private plot: uPlot | undefined;
  private data: Data = [[]];
  private isDue = false;
  private readonly place: HTMLElement;

  constructor(
    id: string,
    private readonly look: () => Look,
  ) {
    this.place = element(id, HTMLElement);
    this.place.setAttribute('role', 'img');
    new ResizeObserver(() => {
      this.plot?.setSize({ width: this.place.clientWidth, height: HEIGHT });
    }).observe(this.place);
    matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => {
      this.plot?.destroy();
      this.plot = undefined;
      this.draw();
    });
  }

  /** Shows data with the next frame; says them as well. */
  show(data: Data, text: string): void {
    this.data = data;
    this.place.setAttribute('aria-label', text);
    if (this.isDue) return;
    this.isDue = true;
    requestAnimationFrame(() => {
      this.isDue = false;
      this.draw();
    });
  }

  private draw(): void {
    if (this.plot) {
      this.plot.setData(this.data);
      return;
    }
    const { series, axes, scales, hooks = {} } = this.look();
    const width = this.place.clientWidth;
    const options = { width, height: HEIGHT, series, axes, scales, hooks };
    this.plot = new uPlot(
      { ...options, legend: { live: false }, cursor: { show: false } },
      this.data,
      this.place,
    );
  }
}

const axis = (more: uPlot.Axis = {}): uPlot.Axis => ({
  stroke: color('faint'),
  grid: { stroke: color('line'), width: 1 },
  ticks: { show: false },
  font: '13px system-ui, sans-serif',
  labelFont: '13px system-ui, sans-serif',
  ...more,
});

const bytesAxis = () =>
  axis({ size: 70, values: (_, ticks) => ticks.map((v) => (v === 0 ? '0' : megabytes(v))) });

const line = (label: string, stroke: string, more: uPlot.Series = {}): uPlot.Series => ({
  label,
  stroke,
  width: 2,
  points: { show: false },
  spanGaps: true,
  ...more,
});

const GHOST: uPlot.Series = { dash: [6, 4], width: 1.5 };

const linear = { time: false, auto: true };

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

function fromZero(_: uPlot, __: number, most: number): [number, number] {
  return [0, most > 0 ? 1.05 * most : 1];
}

function bytesRange(plot: uPlot, least: number, most: number | null): [number, number] {
  return fromZero(plot, least, Math.max(1e7, most ?? 0));
}

function stepRange(_: uPlot, __: number, most: number | null): [number, number] {
  return [0, Math.max(10, most ?? 0)];
}
