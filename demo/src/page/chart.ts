/** One chart of the page, and what its charts have in common. */
import uPlot from 'uplot';

import { element, megabytes } from './dom';

const HEIGHT = 210;

export type Data = uPlot.AlignedData;

interface Look {
  title: string;
  series: uPlot.Series[];
  axes: uPlot.Axis[];
  scales: uPlot.Scales;
  hooks?: uPlot.Hooks.Arrays;
}

export const color = (name: string) =>
  getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();

/** A chart that follows the width of its place, and light and dark. */
export class Chart {
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

export const axis = (more: uPlot.Axis = {}): uPlot.Axis => ({
  stroke: color('faint'),
  grid: { stroke: color('line'), width: 1 },
  ticks: { show: false },
  font: '13px system-ui, sans-serif',
  labelFont: '13px system-ui, sans-serif',
  ...more,
});

export const bytesAxis = () =>
  axis({ size: 70, values: (_, ticks) => ticks.map((v) => (v === 0 ? '0' : megabytes(v))) });

export const line = (label: string, stroke: string, more: uPlot.Series = {}): uPlot.Series => ({
  label,
  stroke,
  width: 2,
  points: { show: false },
  spanGaps: true,
  ...more,
});

export const GHOST: uPlot.Series = { dash: [6, 4], width: 1.5 };

export const linear = { time: false, auto: true };

export function fromZero(_: uPlot, __: number, most: number): [number, number] {
  return [0, most > 0 ? 1.05 * most : 1];
}

export function bytesRange(plot: uPlot, least: number, most: number | null): [number, number] {
  return fromZero(plot, least, Math.max(1e7, most ?? 0));
}

export function stepRange(_: uPlot, __: number, most: number | null): [number, number] {
  return [0, Math.max(10, most ?? 0)];
}
