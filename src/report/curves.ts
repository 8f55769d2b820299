/** The curves of a training: loss, accuracy, learning rate, memory, speed. */
import type { HistoryPoint, TrainingHistory } from '../evaluation/training_history';
import { type ChartOptions, type Line, lineChart, type Mark } from './chart';
import { dataTable, type Html, html, percentText, section } from './html';

type Value = Exclude<keyof HistoryPoint, 'phase'>;

interface Curves extends Omit<ChartOptions, 'x'> {
  lines: readonly (readonly [value: Value, name: string])[];
}

const megabytes = (bytes: number) => `${Number((bytes / 1e6).toPrecision(4))} MB`;

const LEARNING: readonly Curves[] = [
  {
    title: 'Loss',
    y: 'cross entropy',
    lines: [
      ['loss', 'training'],
      ['validationLoss', 'validation'],
    ],
  },
  {
    title: 'Accuracy',
    y: 'rightly classified',
    range: [0, 1],
    format: (value) => `${Math.round(100 * value)} %`,
    lines: [
      ['accuracy', 'training'],
      ['validationAccuracy', 'validation'],
    ],
  },
  {
    title: 'Mean intersection over union',
    y: 'of the pictures for validation',
    range: [0, 1],
    format: (value) => `${Math.round(100 * value)} %`,
    lines: [['validationMeanIoU', 'validation']],
  },
  {
    title: 'Average precision',
    y: 'of the pictures for validation',
    range: [0, 1],
    format: (value) => `${Math.round(100 * value)} %`,
    lines: [
      ['validationBoxAP', 'boxes'],
      ['validationMaskAP', 'masks'],
    ],
  },
  { title: 'Learning rate', y: 'learning rate', lines: [['learningRate', 'learning rate']] },
];

const RESOURCES: readonly Curves[] = [
  {
    title: 'Memory',
    y: 'bytes',
    format: megabytes,
    lines: [
      ['peakBytes', 'in tensors, at the peak of a step'],
      ['bytes', 'in tensors, after a step'],
      ['residentBytes', 'of the process'],
    ],
  },
  { title: 'Speed', y: 'images per second', lines: [['imagesPerSecond', 'images per second']] },
];

/** Most rows of the table of numbers. */
const MOST_ROWS = 100;

/** Sections with a chart of each value that the history holds. */
export function curveSections(history: TrainingHistory): Html {
  const learning = charts(LEARNING, history);
  const resources = charts(RESOURCES, history);
  const numbers = html`<details>
    <summary>Numbers</summary>
    ${numbersTable(history)}
  </details>`;
  return html`${[
    ...(learning.length > 0 ? [section('training', 'Training', [...learning, numbers])] : []),
    ...(resources.length > 0 ? [section('resources', 'Memory and speed', resources)] : []),
  ]}`;
}

function charts(all: readonly Curves[], history: TrainingHistory): Html[] {
  const marks = phasesOf(history);
  return all.flatMap(({ lines, ...options }) => {
    const drawn = lines.flatMap(([value, name]): Line[] => {
      const points = history.flatMap((point) => {
        const y = point[value];
        // JSON has no infinity: what is not finite comes back as null.
        return Number.isFinite(y) ? [[point.step, y as number] as const] : [];
      });
      return points.length > 0 ? [{ name, points }] : [];
    });
    return drawn.length > 0 ? [lineChart({ ...options, x: 'step' }, drawn, marks)] : [];
  });
}

/** Where what is trained changes. */
function phasesOf(history: TrainingHistory): Mark[] {
  return history.flatMap(({ step, phase }, i) =>
    phase !== undefined && phase !== history[i - 1]?.phase ? [{ x: step, name: phase }] : [],
  );
}

function numbersTable(history: TrainingHistory): Html {
  const every = Math.ceil(history.length / MOST_ROWS);
  const shownPoints = history.filter(
    (point, i) => i % every === 0 || i === history.length - 1 || isValidated(point),
  );
  const columns: [title: string, text: (point: HistoryPoint) => string][] = [
    ['step', ({ step }) => String(step)],
    ['epoch', ({ epoch }) => digits(epoch)],
    ['phase', ({ phase }) => phase ?? '–'],
    ['loss', ({ loss }) => digits(loss)],
    ['accuracy', ({ accuracy }) => percentText(accuracy ?? null)],
    ['validation loss', ({ validationLoss }) => digits(validationLoss)],
    ['validation accuracy', ({ validationAccuracy: v }) => percentText(v ?? null)],
    ['validation mIoU', ({ validationMeanIoU: v }) => percentText(v ?? null)],
    ['validation AP of boxes', ({ validationBoxAP: v }) => percentText(v ?? null)],
    ['validation AP of masks', ({ validationMaskAP: v }) => percentText(v ?? null)],
    ['learning rate', ({ learningRate }) => digits(learningRate)],
    ['peak memory', ({ peakBytes }) => (peakBytes == null ? '–' : megabytes(peakBytes))],
  ];
  const used = columns.filter(([, text]) => shownPoints.some((point) => text(point) !== '–'));
  return dataTable(
    every > 1 ? `One of ${every} points, and all with validation` : 'All points',
    used.map(([title]) => title),
    shownPoints.map((point) => used.map(([, text]) => text(point))),
  );
}

function isValidated(point: HistoryPoint): boolean {
  const { validationLoss, validationMeanIoU, validationBoxAP } = point;
  return [validationLoss, validationMeanIoU, validationBoxAP].some((value) => value !== undefined);
}

function digits(value: number | null | undefined): string {
  return value == null || !Number.isFinite(value) ? '–' : String(Number(value.toPrecision(4)));
}
