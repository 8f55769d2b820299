/** How each class is recognised, and which are taken for which. */
import type { Evaluation } from '../evaluation/evaluation';
import { dataTable, Html, html, name, percentText, section } from './html';

/** Most classes whose matrix is shown as a whole. */
const MOST = 40;
const MOST_CONFUSIONS = 20;

/** A table of the classes, with the ones that are recognised worst first. */
export function classSection({ perClass }: Evaluation): Html {
  const rows = [...perClass]
    .sort((a, b) => (a.f1 ?? 2) - (b.f1 ?? 2) || b.support - a.support)
    .map(({ name: own, support, precision, recall, f1 }) => [
      name(own),
      support,
      percentText(precision),
      percentText(recall),
      percentText(f1),
    ]);
  return section('classes', 'Classes', [
    dataTable(
      'Precision: part of those taken for the class that are of it. Recall: part of those of the class that ' +
        'were taken for it. Worst first.',
      ['class', 'pictures', 'precision', 'recall', 'F1'],
      rows,
    ),
  ]);
}

/** The confusion matrix, of many classes the part with the most confusions, and the list of those. */
export function confusionSection(evaluation: Evaluation): Html {
  const { confusionMatrix: matrix, confusions, classNames } = evaluation;
  const list = confusions
    .slice(0, MOST_CONFUSIONS)
    .map(({ label, predicted, count }) => [
      name(classNames[label] as string),
      name(classNames[predicted] as string),
      count,
    ]);
  return section('confusions', 'Confusions', [
    ...(matrix ? [matrixTable(evaluation, matrix)] : []),
    ...(list.length > 0
      ? [dataTable('Most frequent confusions', ['class', 'taken for', 'times'], list)]
      : [html`<p>No picture was taken for one of another class.</p>`]),
  ]);
}

function matrixTable(
  { classNames, confusions }: Evaluation,
  matrix: readonly (readonly number[])[],
): Html {
  const involved = new Set(confusions.flatMap(({ label, predicted }) => [label, predicted]));
  const all = classNames.map((_, c) => c);
  const shownClasses =
    classNames.length <= MOST ? all : [...involved].slice(0, MOST).sort((a, b) => a - b);
  const cells = (label: number) => {
    const row = matrix[label] ?? [];
    const total = row.reduce((sum, count) => sum + count, 0);
    return shownClasses.map((predicted) => cell(row[predicted] ?? 0, total, predicted === label));
  };
  const part =
    shownClasses.length < all.length
      ? ` Of ${all.length} classes the ${shownClasses.length} that are confused most.`
      : '';
  return html`<div class="wide" tabindex="0" role="region" aria-label="Confusion matrix">
    <table class="matrix">
      <caption>
        Rows: the class. Columns: what it was taken for.${part}
      </caption>
      <thead>
        <tr>
          <td></td>
          ${shownClasses.map(
            (c) => html`<th scope="col"><span>${name(classNames[c] as string)}</span></th>`,
          )}
        </tr>
      </thead>
      <tbody>
        ${shownClasses.map(
          (label) =>
            html`<tr>
              <th scope="row">${name(classNames[label] as string)}</th>
              ${cells(label)}
            </tr> `,
        )}
      </tbody>
    </table>
  </div> `;
}

/** The darker, the larger a part of its row. */
function cell(count: number, total: number, isRight: boolean): Html {
  if (count === 0) return html`<td class="none">0</td>`;
  const share = count / total;
  // Blue for what is right, orange for what is not.
  const colour = isRight ? '0, 114, 178' : '213, 94, 0';
  const ink = share > 0.55 ? '#ffffff' : '#24292f';
  const style = `background: rgba(${colour}, ${(0.1 + 0.9 * share).toFixed(3)}); color: ${ink}`;
  return html`<td style="${style}">${count}</td>`;
}
