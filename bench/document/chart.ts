/** Charts of results, as SVG. */
import * as echarts from 'echarts';

export const [WIDTH, HEIGHT] = [860, 360];

/** The picture brings its own paper, so that it reads the same on white and on dark pages. */
export const [PAPER, INK, FAINT] = ['#ffffff', '#24292f', '#d8dee4'];

/** Told apart by everyone (Okabe and Ito). */
export const COLORS = ['#0072b2', '#d55e00', '#009e73', '#cc79a7', '#56b4e9', '#e69f00'];

/** One half of a chart: a line for each name. */
export interface Panel {
  title: string;
  /** What is varied. */
  axis: string;
  lines: readonly { name: string; points: readonly (readonly [x: number, y: number])[] }[];
}

/**
 * Panels side by side, both axes logarithmic: a power is a straight line.
 *
 * @returns an SVG document
 */
export function growthChart(title: string, panels: readonly Panel[]): string {
  const text = { color: INK, fontSize: 13 };
  const part = WIDTH / panels.length;
  const names = [...new Set(panels.flatMap(({ lines }) => lines.map(({ name }) => name)))];
  const axis = (i: number) => ({ gridIndex: i, type: 'log' as const, logBase: 2, axisLabel: text });
  return drawn(HEIGHT, {
    title: [
      { text: title, left: 'center', top: 12, textStyle: { ...text, fontSize: 16 } },
      ...panels.map((panel, i) => ({
        text: panel.title,
        left: part * i + 56,
        top: 70,
        textStyle: { ...text, fontWeight: 600 },
      })),
    ],
    legend: { data: names, top: 40, itemGap: 28, textStyle: text },
    grid: panels.map((_, i) => ({ left: part * i + 62, width: part - 92, top: 100, bottom: 56 })),
    xAxis: panels.map((panel, i) => ({
      ...axis(i),
      name: panel.axis,
      nameLocation: 'middle' as const,
      nameGap: 30,
      nameTextStyle: text,
      splitLine: { show: false },
      axisLine: { lineStyle: { color: INK } },
    })),
    yAxis: panels.map((_, i) => ({ ...axis(i), splitLine: { lineStyle: { color: FAINT } } })),
    series: panels.flatMap((panel, i) =>
      panel.lines.map(({ name, points }) => ({
        name,
        type: 'line' as const,
        xAxisIndex: i,
        yAxisIndex: i,
        symbolSize: 7,
        data: points.map(([x, y]) => [x, y]),
        color: COLORS[names.indexOf(name) % COLORS.length],
      })),
    ),
  });
}

/** A chart of these options and this height, as an SVG document. */
export function drawn(height: number, options: echarts.EChartsOption): string {
  const chart = echarts.init(null, null, { renderer: 'svg', ssr: true, width: WIDTH, height });
  chart.setOption({
    animation: false,
    backgroundColor: PAPER,
    textStyle: { fontFamily: 'system-ui, sans-serif' },
    ...options,
  });
  const svg = chart.renderToSVGString();
  chart.dispose();
  return renumbered(svg);
}

/** Names of classes and clips count all charts of the process: the same results shall make the same file. */
function renumbered(svg: string): string {
  const names = new Map<string, string>();
  return svg.replace(/\bzr\d+-[a-z]+-?\d+/g, (name) => {
    const known = names.get(name) ?? `zr-${names.size}`;
    names.set(name, known);
    return known;
  });
}
