/** A report of a training and of an evaluation: one page that needs nothing else. */
import { oneLine } from '../common/harmless';
import { type CalibrationBin, type Evaluation, tellsTop5 } from '../evaluation/evaluation';
import type { TrainingHistory } from '../evaluation/training_history';
import { barChart } from './chart';
import { classSection, confusionSection } from './classes';
import { curveSections } from './curves';
import { dataTable, Html, html, name, percentText, section } from './html';
import { STYLE } from './style';

/** What a report tells; each part has its section, and one that is not given has none. */
export interface ReportContent {
  title: string;
  /** What is to be known of the model, the data, the training: name and value. */
  facts?: readonly (readonly [fact: string, value: string])[];
  history?: TrainingHistory;
  evaluation?: Evaluation;
  /** Pictures of the worst mistakes as data URLs, by the number of the example. */
  pictures?: ReadonlyMap<number, string>;
  /** Further tables, a section each; the first cell of a row is a name. */
  tables?: readonly {
    title: string;
    caption: string;
    header: readonly string[];
    rows: readonly (readonly [string, ...(string | number)[]])[];
  }[];
}

/**
 * Writes a report as HTML: a page without scripts that asks for nothing from elsewhere. Names of files and
 * classes are text in it, whatever they are.
 */
export function reportHtml(content: ReportContent): string {
  const { title, facts = [], history = [], evaluation, tables = [] } = content;
  const body = [
    html`<h1>${title}</h1> `,
    summary(facts, evaluation),
    ...(history.length > 0 ? [curveSections(history)] : []),
    ...(evaluation
      ? [
          classSection(evaluation),
          confusionSection(evaluation),
          calibrationSection(evaluation),
          mistakesSection(content, evaluation),
          ...skippedSection(evaluation),
        ]
      : []),
    ...tables.map((table, i) =>
      section(`table-${i}`, table.title, [
        dataTable(
          table.caption,
          table.header,
          table.rows.map(([first, ...others]) => [name(first), ...others]),
        ),
      ]),
    ),
  ];
  return html`<!DOCTYPE html>
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <meta
          http-equiv="Content-Security-Policy"
          content="default-src 'none'; img-src data:; style-src 'unsafe-inline'"
        />
        <title>${title}</title>
        <style>
          ${new Html(STYLE)}
        </style>
      </head>
      <body>
        <main>${body}</main>
      </body>
    </html> `.text;
}

function summary(facts: NonNullable<ReportContent['facts']>, evaluation?: Evaluation): Html {
  const numbers: readonly (readonly [string, string])[] = evaluation
    ? [
        ['pictures evaluated', String(evaluation.examples)],
        ['accuracy (top 1)', percentText(evaluation.top1)],
        ...(tellsTop5(evaluation)
          ? [['accuracy (top 5)', percentText(evaluation.top5)] as const]
          : []),
        ['mean recall of the classes', percentText(evaluation.meanRecall)],
        ['loss (cross entropy)', evaluation.loss.toFixed(4)],
        ['calibration error', percentText(evaluation.calibration.expectedError)],
      ]
    : [];
  const rows = [...facts, ...numbers];
  if (rows.length === 0) return html``;
  return html`<dl>
    ${rows.map(
      ([fact, value]) =>
        html`<div>
          <dt>${fact}</dt>
          <dd>${name(value)}</dd>
        </div> `,
    )}
  </dl> `;
}

function calibrationSection({ calibration }: Evaluation): Html {
  const { bins, expectedError, largestError } = calibration;
  const filled = bins.filter(({ count }) => count > 0);
  const range = ({ low, high }: CalibrationBin) => `${percentText(low)} to ${percentText(high)}`;
  return section('calibration', 'Calibration', [
    html`<p>
      Of pictures about which a calibrated model is 80 % sure, 80 % are right: bars then end at the
      line. On average they are ${percentText(expectedError)} away, at most
      ${percentText(largestError)}.
    </p> `,
    barChart(
      { title: 'Accuracy by confidence', x: 'highest probability', y: 'rightly classified' },
      {
        name: 'accuracy',
        points: filled.map(({ low, high, accuracy }) => [(low + high) / 2, accuracy ?? 0]),
      },
      {
        name: 'calibrated',
        points: [
          [0, 0],
          [1, 1],
        ],
      },
      1 / bins.length,
    ),
    html`<details>
      <summary>Numbers</summary>
      ${dataTable(
        'By highest probability',
        ['highest probability', 'pictures', 'on average', 'accuracy'],
        filled.map((bin) => [
          range(bin),
          bin.count,
          percentText(bin.confidence),
          percentText(bin.accuracy),
        ]),
      )}
    </details> `,
  ]);
}

function mistakesSection({ pictures }: ReportContent, { worst, classNames }: Evaluation): Html {
  if (worst.length === 0) return section('mistakes', 'Mistakes', [html`<p>There are none.</p>`]);
  const items = worst.map(
    ({ index, name: file, label, predicted, probability, labelProbability }) => {
      const [own, taken] = [classNames[label] as string, classNames[predicted] as string];
      const url = pictures?.get(index);
      const alt = oneLine(`${file}: of class ${own}, taken for ${taken}`);
      return html`<li>
        ${url === undefined ? [] : html`<img src="${url}" alt="${alt}" />`}
        <p>${name(own)}, taken for ${name(taken)}</p>
        <p class="small">
          ${percentText(probability)} sure; ${percentText(labelProbability)} for the right class
        </p>
        <p class="small">${name(file)}</p>
      </li> `;
    },
  );
  return section('mistakes', 'Worst mistakes', [
    html`<p>Those with the least probability for the right class. Labels may be wrong, too.</p>
      <ul class="pictures">
        ${items}
      </ul> `,
  ]);
}

function skippedSection({ skipped }: Evaluation): Html[] {
  if (skipped.length === 0) return [];
  const rows = skipped.map(({ name: file, message }) => [name(file), name(message)]);
  return [
    section('skipped', 'Left out', [
      dataTable('Pictures that could not be read', ['picture', 'why'], rows),
    ]),
  ];
}
