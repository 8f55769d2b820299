/** The memory table as a picture. */
import * as echarts from 'echarts';

import { type Measurement, megabytes, type Mode, MODES, ofMode } from './memory';

const [WIDTH, HEIGHT] = [860, 400];

/** The picture brings its own paper, so that it reads the same on white and on dark pages. */
const [PAPER, INK, FAINT] = ['#ffffff', '#24292f', '#d8dee4'];

/** Told apart by everyone (Okabe and Ito). */
const COLORS: Record<Mode, string> = { stored: '#d55e00', reversible: '#0072b2' };

/** One half of the picture. */
interface Panel {
  /** With the unit. */
  title: string;
  value: (measurement: Measurement) => number;
  label: (value: number) => string;
}

const PANELS: readonly Panel[] = [
  {
    title: 'Peak memory, MB',
    value: ({ peakBytes }) => megabytes(peakBytes),
    label: (value) => value.toFixed(0),
  },
  {
    title: 'Time of a step, seconds',
    value: ({ seconds }) => seconds,
    label: (value) => value.toFixed(2),
  },
];

/**
 * Peak memory and seconds per step against the number of columns, stored and reversible.
 *
 * @param title what was measured
 * @returns an SVG document
 */
export function memoryChart(measurements: readonly Measurement[], title: string): string {
  const columns = ofMode(measurements, 'stored').map((m) => m.columns);
  const chart = echarts.init(null, null, {
    renderer: 'svg',
    ssr: true,
    width: WIDTH,
    height: HEIGHT,
  });
  const text = { color: INK, fontSize: 13 };
  const half = WIDTH / 2;
  chart.setOption({
    animation: false,
    backgroundColor: PAPER,
    textStyle: { fontFamily: 'system-ui, sans-serif' },
    title: [
      { text: title, left: 'center', top: 14, textStyle: { ...text, fontSize: 17 } },
      ...PANELS.map((panel, i) => ({
        text: panel.title,
        left: half * i + 52,
        top: 78,
        textStyle: { ...text, fontSize: 14, fontWeight: 600 },
      })),
    ],
    legend: {
      data: [...MODES],
      top: 46,
      itemWidth: 16,
      itemHeight: 12,
      itemGap: 28,
      textStyle: { ...text, fontSize: 14 },
    },
    grid: PANELS.map((_, i) => ({
      left: half * i + 58,
      width: half - 86,
      top: 116,
      bottom: 62,
    })),
    xAxis: PANELS.map((_, i) => ({
      gridIndex: i,
      type: 'category' as const,
      data: columns.map(String),
      name: 'columns',
      nameLocation: 'middle' as const,
      nameGap: 32,
      nameTextStyle: text,
      axisLabel: text,
      axisTick: { show: false },
      axisLine: { lineStyle: { color: INK } },
    })),
    yAxis: PANELS.map((_, i) => ({
      gridIndex: i,
      type: 'value' as const,
      min: 0,
      axisLabel: text,
      splitLine: { lineStyle: { color: FAINT } },
    })),
    series: PANELS.flatMap((panel, i) =>
      MODES.map((mode) => ({
        name: mode,
        type: 'bar' as const,
        xAxisIndex: i,
        yAxisIndex: i,
        data: ofMode(measurements, mode).map(panel.value),
        color: COLORS[mode],
        barGap: '8%',
        barCategoryGap: '28%',
        label: {
          show: true,
          position: 'top' as const,
          color: COLORS[mode],
          fontSize: 12,
          fontWeight: 600,
          formatter: ({ value }: { value?: unknown }) => panel.label(Number(value)),
        },
      })),
    ),
  });
  const svg = chart.renderToSVGString();
  chart.dispose();
  return svg;
}
