/** What is kept of the times that pictures take, and how the terminal and the page show it. */
import { table } from '../../examples/shared/table';
import { ratioByRound, type Sample, summarize } from './statistics';

/** Times of one program. */
export interface PictureTimes {
  name: string;
  /** Pictures of a run. */
  pictures: number;
  samples: Sample[];
}

/** What was measured, and beside which network. */
export interface PictureResult {
  backend: string;
  parameters: number;
  programs: PictureTimes[];
}

/** The program of which the other one with as many pictures are a share. */
export const STEP = 'training step';

/** A row for each program. */
export function pictureTable({ backend, parameters, programs }: PictureResult): string {
  const step = programs.find(({ name }) => name === STEP);
  const rows = programs.map(({ name, pictures, samples }) => {
    const ms = summarize(samples.map((sample) => sample.ms)).median;
    const cpuMs = summarize(samples.map((sample) => sample.cpuMs)).median;
    const isShare = step !== undefined && name !== STEP && pictures === step.pictures;
    const share = isShare ? ratioByRound(samples, step.samples) : null;
    return [
      name === STEP
        ? `${STEP}, ${parameters.toLocaleString('en')} parameters, reversible on ${backend}`
        : name,
      String(pictures),
      (ms / pictures).toFixed(3),
      name === STEP ? '–' : ((1000 * pictures) / cpuMs).toFixed(0),
      share ? `${(100 * share.median).toFixed(1)} %` : '–',
    ];
  });
  const headings = ['', 'pictures', 'ms for each', 'for each second and core', 'of the step'];
  return table(headings, rows);
}
