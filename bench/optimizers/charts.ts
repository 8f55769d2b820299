/** Charts of memory by part, and of learning. */
import { COLORS, drawn, FAINT, INK, WIDTH } from '../document/chart';

const TEXT = { color: INK, fontSize: 13 };

const titled = (title: string) => ({
  text: title,
  left: 'center',
  top: 12,
  textStyle: { ...TEXT, fontSize: 16 },
});

const named = (name: string) => ({
  name,
  nameLocation: 'middle' as const,
  nameGap: 30,
  nameTextStyle: TEXT,
  axisLabel: TEXT,
});

/** A bar for each name, from the top, of parts that add up. */
export function partsChart(
  title: string,
  bars: readonly { name: string; parts: Readonly<Record<string, number>> }[],
): string {
  const parts = Object.keys(bars[0]?.parts ?? {});
  return drawn(130 + 34 * bars.length, {
    title: titled(title),
    legend: { data: parts, top: 40, textStyle: TEXT },
    grid: { left: 190, right: 40, top: 76, bottom: 50 },
    xAxis: {
      ...named('MB at the peak of a step'),
      type: 'value',
      splitLine: { lineStyle: { color: FAINT } },
    },
    yAxis: {
      type: 'category',
      inverse: true,
      data: bars.map(({ name }) => name),
      axisLabel: TEXT,
      axisTick: { show: false },
    },
    series: parts.map((part, i) => ({
      name: part,
      type: 'bar' as const,
      stack: 'all',
      barWidth: 20,
      color: COLORS[i % COLORS.length],
      data: bars.map((bar) => Number(((bar.parts[part] ?? 0) / 1e6).toFixed(2))),
    })),
  });
}

/** One half of a chart of learning. */
export interface LossPanel {
  title: string;
  /** Losses by seed, each with as many parts of the training. */
  lines: readonly { name: string; losses: readonly (readonly number[])[] }[];
}

/** The mean over seeds as a line; each seed as a faint one. */
export function lossChart(title: string, panels: readonly LossPanel[]): string {
  const part = WIDTH / panels.length;
  const names = [...new Set(panels.flatMap(({ lines }) => lines.map(({ name }) => name)))];
  const colorOf = (name: string) => COLORS[names.indexOf(name) % COLORS.length];
  const series = panels.flatMap(({ lines }, i) =>
    lines.flatMap(({ name, losses }) => {
      const steps = losses[0]?.map((_, step) => step) ?? [];
      const mean = steps.map(
        (s) => losses.reduce((sum, l) => sum + (l[s] ?? NaN), 0) / losses.length,
      );
      const line = (values: readonly number[], isMean: boolean) => ({
        ...(isMean ? { name } : {}),
        type: 'line' as const,
        xAxisIndex: i,
        yAxisIndex: i,
        showSymbol: false,
        silent: !isMean,
        lineStyle: { width: isMean ? 2.5 : 0.8, opacity: isMean ? 1 : 0.4 },
        color: colorOf(name),
        data: values.map((y, s) => [(s + 0.5) / steps.length, Number(y.toFixed(4))]),
      });
      return [...losses.map((values) => line(values, false)), line(mean, true)];
    }),
  );
  return drawn(400, {
    title: [
      titled(title),
      ...panels.map((panel, i) => ({
        text: panel.title,
        left: part * i + 56,
        top: 90,
        textStyle: { ...TEXT, fontWeight: 600 as const },
      })),
    ],
    legend: { data: names, top: 40, itemGap: 16, textStyle: TEXT, width: WIDTH - 80 },
    grid: panels.map((_, i) => ({ left: part * i + 62, width: part - 92, top: 120, bottom: 56 })),
    xAxis: panels.map((_, i) => ({
      ...named('share of the training'),
      gridIndex: i,
      type: 'value' as const,
      min: 0,
      max: 1,
      splitLine: { show: false },
      axisLine: { lineStyle: { color: INK } },
    })),
    yAxis: panels.map((_, i) => ({
      gridIndex: i,
      type: 'value' as const,
      scale: true,
      axisLabel: TEXT,
      splitLine: { lineStyle: { color: FAINT } },
    })),
    series,
  });
}
