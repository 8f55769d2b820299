/** The sections on memory. */
import { table } from '../../examples/shared/table';
import { megabytes } from '../suite/print';
import type { ResultFile } from '../suite/results';
import { type Row, rowsOf } from './measured';
import { columnGain } from './theory';

/** Peaks and resident memory, a row for each contestant and network. */
export function memoryTable(results: readonly ResultFile[]): string {
  const rows = results
    .flatMap(rowsOf)
    .sort((a, b) => a.workload.network.columns - b.workload.network.columns)
    .map(({ workload, name, peakBytes, residentBytes }) => [
      String(workload.network.columns),
      name,
      megabytes(peakBytes),
      megabytes(residentBytes),
    ]);
  return table(['columns', 'contestant', 'peak, MB', 'resident, MB'], rows);
}

/** Two modes of the same networks, and how many times less the second takes. */
export function lessTable(result: ResultFile, axes: readonly ('columns' | 'length')[]): string {
  const rows = rowsOf(result);
  const stored = rows.filter(({ name }) => name.startsWith('stored'));
  const cells = stored.flatMap((s) => {
    const r = rows.find(
      ({ name, workload }) => name.startsWith('reversible') && workload === s.workload,
    );
    if (!r?.peakBytes || !s.peakBytes) return [];
    return [
      [
        ...axes.map((axis) =>
          String(axis === 'columns' ? s.workload.network.columns : s.workload.extent),
        ),
        megabytes(s.peakBytes),
        megabytes(r.peakBytes),
        `${(s.peakBytes / r.peakBytes).toFixed(1)}x`,
        megabytes(s.residentBytes),
        megabytes(r.residentBytes),
      ],
    ];
  });
  return table(
    [
      ...axes,
      'stored, peak MB',
      'reversible, peak MB',
      'less',
      'stored, resident MB',
      'reversible, resident MB',
    ],
    cells,
  );
}

/** What reversible mode's peak gains with columns, beside what weights and the larger of gradients and anchors say. */
export function gainTable(results: readonly ResultFile[]): string {
  const cells = results.flatMap((result) => {
    const rows = rowsOf(result)
      .filter((row) => row.name.startsWith('reversible') && row.peakBytes !== null)
      .sort((a, b) => a.workload.network.columns - b.workload.network.columns);
    return rows.slice(1).map((to, i) => gainRow(rows[i] as Row, to));
  });
  return table(
    ['network', 'columns', 'weights, MB', 'gradients', 'anchors', 'predicted', 'measured'],
    cells,
  );
}

function gainRow(from: Row, to: Row): string[] {
  const gain = columnGain(
    { workload: from.workload, parameters: from.parameters ?? NaN },
    { workload: to.workload, parameters: to.parameters ?? NaN },
  );
  const { weights, gradients, anchors, anchorsMore } = gain;
  const { network, batch, extent } = to.workload;
  const size =
    network.kind === 'tokens' ? `tokens, length ${extent}` : `${network.channels[0]} channels`;
  const tenths = (bytes: number) => (bytes / 1e6).toFixed(2);
  return [
    `${size}, batch ${batch}`,
    `${from.workload.network.columns} to ${network.columns}`,
    tenths(weights),
    tenths(gradients),
    `${tenths(anchors)} (${anchorsMore})`,
    tenths(weights + Math.max(gradients, anchors)),
    tenths((to.peakBytes as number) - (from.peakBytes as number)),
  ];
}
