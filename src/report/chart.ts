/** Charts of a report, as SVG with text that can be selected. */
import { BarChart, LineChart } from 'echarts/charts';
import { GridComponent, LegendComponent, MarkLineComponent } from 'echarts/components';
import * as echarts from 'echarts/core';
import { SVGRenderer } from 'echarts/renderers';

import { harmless } from '../common/harmless';
import { Html, html } from './html';

const [WIDTH, HEIGHT] = [720, 300];
const [INK, FAINT] = ['#24292f', '#d8dee4'];
/** Told apart by everyone (Okabe and Ito). */
const COLORS = ['#0072b2', '#d55e00', '#009e73', '#cc79a7', '#56b4e9', '#e69f00'];

/** Wide gaps: where no page measures text, its width is only guessed. */
const LEGEND = { top: 0, itemGap: 44, textStyle: { color: INK, fontSize: 13 } };

/** What a chart shows beside its lines. */
export interface ChartOptions {
  title: string;
  x: string;
  y: string;
  /** Ends of the vertical axis. Default: by the values. */
  range?: readonly [number, number];
  /** Text of a value of the vertical axis. */
  format?: (value: number) => string;
}

/** A line, by its points. */
export interface Line {
  name: string;
  points: readonly (readonly [x: number, y: number])[];
}

/** A place on the horizontal axis where something begins. */
export interface Mark {
  x: number;
  name: string;
}

type Option = Parameters<echarts.ECharts['setOption']>[0];

/** A chart of lines over one axis. Of very many points as many are drawn as can be seen. */
export function lineChart(
  options: ChartOptions,
  lines: readonly Line[],
  marks: readonly Mark[] = [],
): Html {
  const markLine = {
    silent: true,
    symbol: 'none',
    lineStyle: { color: INK, type: 'dotted' as const },
    label: { color: INK, position: 'insideEndBottom' as const },
    data: marks.map((mark) => ({
      xAxis: mark.x,
      name: mark.name,
      label: { formatter: mark.name },
    })),
  };
  return draw(options, lines, {
    ...axes(options),
    legend: LEGEND,
    series: lines.map(({ name, points }, i) => ({
      name,
      type: 'line' as const,
      // A single point would be no line.
      showSymbol: points.length < 40,
      symbolSize: 6,
      sampling: 'lttb' as const,
      data: points.map(([x, y]) => [x, y]),
      color: COLORS[i % COLORS.length],
      ...(i === 0 && marks.length > 0 ? { markLine } : {}),
    })),
  });
}

/** Bars of equal width beside each other, and a line over them. */
export function barChart(options: ChartOptions, bars: Line, line: Line, width: number): Html {
  const perUnit = (WIDTH - 100) * width;
  return draw(options, [bars, line], {
    ...axes({ ...options, range: [0, 1] }, [0, 1]),
    legend: LEGEND,
    series: [
      {
        name: bars.name,
        type: 'bar' as const,
        barWidth: Math.max(1, perUnit - 2),
        data: bars.points.map(([x, y]) => [x, y]),
        color: COLORS[0],
      },
      {
        name: line.name,
        type: 'line' as const,
        showSymbol: false,
        data: line.points.map(([x, y]) => [x, y]),
        color: COLORS[1],
      },
    ],
  });
}

function axes({ x, y, range, format }: ChartOptions, across?: readonly [number, number]): Option {
  const text = { color: INK, fontSize: 13 };
  const line = { lineStyle: { color: INK } };
  return {
    grid: { left: 80, right: 20, top: 36, bottom: 48 },
    xAxis: {
      type: 'value',
      name: x,
      nameLocation: 'middle',
      nameGap: 30,
      nameTextStyle: text,
      axisLabel: text,
      axisLine: line,
      splitLine: { show: false },
      min: across?.[0] ?? 'dataMin',
      max: across?.[1] ?? 'dataMax',
    },
    yAxis: {
      type: 'value',
      name: y,
      nameLocation: 'middle',
      nameGap: 62,
      nameTextStyle: text,
      axisLabel: { ...text, ...(format ? { formatter: format } : {}) },
      splitLine: { lineStyle: { color: FAINT } },
      min: range?.[0],
      max: range?.[1],
      scale: range === undefined,
    },
  };
}

function draw({ title, x, y }: ChartOptions, lines: readonly Line[], option: Option): Html {
  echarts.use([
    BarChart,
    LineChart,
    GridComponent,
    LegendComponent,
    MarkLineComponent,
    SVGRenderer,
  ]);
  const chart = echarts.init(null, null, {
    renderer: 'svg',
    ssr: true,
    width: WIDTH,
    height: HEIGHT,
  });
  try {
    chart.setOption({
      animation: false,
      textStyle: { fontFamily: 'system-ui, sans-serif' },
      ...(option as object),
    });
    const names = lines.map(({ name }) => name).join(', ');
    // What the chart shows is in a table as well; for who cannot see it, this says what it is.
    const label = html`role="img" aria-label="${`${title}: ${names}, by ${x}; ${y}`}"`;
    const svg = chart.renderToSVGString().replace(/^<svg /, `<svg ${label.text} `);
    return html`<figure>
      <figcaption>${title}</figcaption>
      ${new Html(harmless(svg))}
    </figure> `;
  } finally {
    chart.dispose();
  }
}
