/** The similarities as a picture: a cell for each level of each column. */
import * as echarts from 'echarts';

import type { NetworkResult } from './results';

/** The picture brings its own paper, so that it reads the same on white and on dark pages. */
const [PAPER, INK] = ['#ffffff', '#24292f'];
/** From light to dark, for everyone (Brewer's blues). */
const SHADES = ['#f7fbff', '#c6dbef', '#6baed6', '#2171b5', '#08306b'];

const [CELL, ROW, GAP, LEFT, TOP] = [36, 30, 30, 70, 96];
const PARTS = ['label', 'image'] as const;
const TITLES = { label: 'with the label', image: 'with the image' };

/**
 * CKA of each level of each column with the label (above) and with the image (below), by network.
 *
 * @returns an SVG document
 */
export function similarityChart(networks: readonly NetworkResult[], title: string): string {
  const levels = networks[0]?.channels.length ?? 0;
  const lefts = networks.map(
    (_, i) => LEFT + networks.slice(0, i).reduce((sum, n) => sum + n.columns * CELL + GAP, 0),
  );
  const last = networks.length - 1;
  const width = (lefts[last] as number) + (networks[last] as NetworkResult).columns * CELL + 20;
  const height = levels * ROW;
  const tops = PARTS.map((_, p) => TOP + p * (height + 74));
  const text = { color: INK, fontSize: 12 };
  const panels = PARTS.flatMap((part, p) =>
    networks.map((network, i) => ({ part, p, network, i })),
  );
  const chart = echarts.init(null, null, {
    renderer: 'svg',
    ssr: true,
    width,
    height: (tops[1] as number) + height + 56,
  });
  chart.setOption({
    animation: false,
    backgroundColor: PAPER,
    textStyle: { fontFamily: 'system-ui, sans-serif' },
    title: [
      { text: title, left: 'center', top: 10, textStyle: { ...text, fontSize: 16 } },
      ...PARTS.map((part, p) => ({
        text: TITLES[part],
        left: 8,
        top: (tops[p] as number) - 54,
        textStyle: { ...text, fontSize: 14, fontWeight: 600 },
      })),
      ...panels.map(({ p, network, i }) => ({
        text: network.name,
        left: (lefts[i] as number) + (network.columns * CELL) / 2,
        top: (tops[p] as number) - 24,
        textAlign: 'center' as const,
        textStyle: { ...text, fontWeight: 600 },
      })),
    ],
    grid: panels.map(({ p, network, i }) => ({
      left: lefts[i],
      top: tops[p],
      width: network.columns * CELL,
      height,
    })),
    xAxis: panels.map(({ network, i, p }, gridIndex) => ({
      gridIndex,
      type: 'category' as const,
      data: Array.from({ length: network.columns }, (_, c) => String(c)),
      axisTick: { show: false },
      axisLabel: { ...text, interval: 0 },
      ...(i === 0 && p === 1
        ? { name: 'column', nameLocation: 'middle' as const, nameGap: 28 }
        : {}),
      nameTextStyle: text,
    })),
    yAxis: panels.map(({ i }, gridIndex) => ({
      gridIndex,
      type: 'category' as const,
      data: Array.from({ length: levels }, (_, l) => `level ${l}`),
      axisTick: { show: false },
      axisLabel: { ...text, show: i === 0 },
    })),
    visualMap: {
      show: false,
      min: 0,
      max: 1,
      dimension: 2,
      inRange: { color: SHADES },
    },
    series: panels.map(({ part, network }, index) => ({
      type: 'heatmap' as const,
      xAxisIndex: index,
      yAxisIndex: index,
      data: network.cka[part].flatMap((row, c) => row.map((value, l) => [c, l, value])),
      itemStyle: { borderColor: PAPER, borderWidth: 1 },
      label: {
        show: true,
        fontSize: 11,
        formatter: ({ value }: { value?: unknown }) =>
          Number((value as number[])[2])
            .toFixed(2)
            .replace(/^0/, ''),
      },
    })),
  });
  const svg = chart.renderToSVGString();
  chart.dispose();
  return svg;
}
