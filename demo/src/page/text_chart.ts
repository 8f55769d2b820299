/** The chart of the text corner: loss, and memory step by step. */
import {
  axis,
  bytesAxis,
  bytesRange,
  Chart,
  color,
  fromZero,
  GHOST,
  line,
  linear,
  stepRange,
} from './chart';
import { megabytes } from './dom';

export class TextChart {
  private storedBytes: number | null = null;
  private points: { step: number; loss: number; peakBytes: number }[] = [];

  private readonly chart = new Chart('writer-chart', () => ({
    title: 'Loss and memory',
    series: [
      {},
      line('loss per character', color('stored'), { scale: 'loss' }),
      line('memory at the peak', color('reversible'), { scale: 'bytes', width: 3 }),
      line('stored mode', color('stock'), { ...GHOST, scale: 'bytes' }),
    ],
    axes: [
      axis({ label: 'steps', labelSize: 20, size: 30 }),
      axis({ scale: 'loss', size: 40 }),
      { ...bytesAxis(), scale: 'bytes', side: 1, grid: { show: false } },
    ],
    scales: {
      x: { ...linear, range: stepRange },
      loss: { ...linear, range: fromZero },
      bytes: { ...linear, range: bytesRange },
    },
  }));

  constructor() {
    this.begin();
  }

  /** Forgets the run before. */
  begin(): void {
    this.points = [];
    this.storedBytes = null;
    this.chart.show([[], [], [], []], 'No step has been taken yet');
  }

  /** Says what a step would take in stored mode. */
  plan(storedBytes: number): void {
    this.storedBytes = storedBytes;
  }

  step(step: number, loss: number, peakBytes: number): void {
    this.points.push({ step, loss, peakBytes });
    const of = (name: 'step' | 'loss' | 'peakBytes') => this.points.map((point) => point[name]);
    this.chart.show(
      [of('step'), of('loss'), of('peakBytes'), this.points.map(() => this.storedBytes)],
      `Step ${step}: loss ${loss.toFixed(2)}, memory ${megabytes(peakBytes)}` +
        (this.storedBytes === null ? '' : `; stored mode: ${megabytes(this.storedBytes)}`),
    );
  }
}
