/** Reports as files, with pictures in them. */
import { PNG } from 'pngjs';

import type { ExampleSource } from '../data/example_source';
import type { Evaluation } from '../evaluation/evaluation';
import { writeWhole } from '../model_files/write_whole';
import type { RgbImage } from '../preprocessing/image';
import { resizeBicubic } from '../preprocessing/resize_bicubic';
import { type ReportContent, reportHtml } from './report_html';

/** Longest side of a picture in a report, in pixels. */
const LONGEST = 160;

/**
 * Reads the pictures of the worst mistakes, small.
 *
 * @returns PNG files as data URLs, by the number of the example
 * @throws {Error} when one that could be evaluated can no more be read
 */
export async function mistakePictures(
  source: ExampleSource,
  { worst }: Evaluation,
): Promise<Map<number, string>> {
  const made = worst.map(async ({ index }): Promise<[number, string]> => {
    return [index, dataUrl(small(await source.read(index)))];
  });
  return new Map(await Promise.all(made));
}

/**
 * Writes a report as one HTML file, which appears whole or not at all.
 *
 * @throws {Error} when it cannot be written; what was there before is there still
 */
export async function writeReport(file: string, content: ReportContent): Promise<void> {
  await writeWhole({ [file]: reportHtml(content) });
}

function small(image: RgbImage): RgbImage {
  const factor = LONGEST / Math.max(image.width, image.height);
  if (factor >= 1) return image;
  const side = (length: number) => Math.max(1, Math.round(factor * length));
  return resizeBicubic(image, side(image.width), side(image.height));
}

function dataUrl({ width, height, data }: RgbImage): string {
  const png = new PNG({ width, height, colorType: 2 });
  for (let i = 0; i < width * height; i++) {
    png.data.set(data.subarray(3 * i, 3 * i + 3), 4 * i);
    png.data[4 * i + 3] = 255;
  }
  return `data:image/png;base64,${PNG.sync.write(png, { colorType: 2 }).toString('base64')}`;
}
