/** The pictures that `segment` is given, and the files that it writes. */
import { mkdir, readdir, realpath, rename, rm, stat, writeFile } from 'node:fs/promises';
import { basename, dirname, extname, join, relative, resolve, sep } from 'node:path';

import { ifThere } from '../common/if_there';
import { messageOf } from '../common/messages';
import { isHidden, isPicture } from '../data/class_folders';
import { type EncodedPixels, encodePng } from '../pictures/encode_png';
import { listing } from '../pictures/listing';

/** A picture and what is made of it. */
export interface PictureJob {
  readonly file: string;
  readonly overlay: string;
  readonly classes: string;
}

/** Endings of what is written. */
const OVERLAY = '.overlay.png';
const CLASSES = '.classes.png';

/**
 * Finds the pictures, and gives each its outputs: `NAME.overlay.png` and `NAME.classes.png` in the folder
 * `out`. Those of a folder are found in its folders, too, and keep their place there.
 *
 * @param force whether outputs that are there may be replaced
 * @throws {Error} when an input is not there, a folder has no picture, `out` is a file, two pictures would have
 *   one output, or an output is there already, or is itself an input
 */
export async function pictureJobs(
  inputs: readonly string[],
  out: string,
  force: boolean,
): Promise<PictureJob[]> {
  const place = await ifThere(stat(out));
  if (place && !place.isDirectory()) {
    throw new Error(`--out: ${out} is a file; give a folder, which is made where there is none`);
  }
  const jobs: PictureJob[] = [];
  for (const input of inputs) {
    const found = await stat(input).catch((error: unknown) => {
      throw new Error(`${input} cannot be read: ${messageOf(error)}`, { cause: error });
    });
    const names = found.isDirectory() ? await picturesIn(input, out) : [basename(input)];
    const folder = found.isDirectory() ? input : dirname(input);
    for (const name of names) {
      const stem = join(out, name.slice(0, name.length - extname(name).length));
      jobs.push({
        file: found.isDirectory() ? join(folder, name) : input,
        overlay: `${stem}${OVERLAY}`,
        classes: `${stem}${CLASSES}`,
      });
    }
  }
  requireDistinct(jobs);
  await requireFree(jobs, force);
  return jobs;
}

/** Paths of all files in a folder and its folders, from there. */
async function filesBelow(folder: string, within: string): Promise<string[]> {
  const place = join(folder, within);
  const entries = await listing(place, () => readdir(place, { withFileTypes: true }));
  const files: string[] = [];
  for (const entry of entries.filter(({ name }) => !isHidden(name))) {
    const name = join(within, entry.name);
    if (entry.isDirectory()) files.push(...(await filesBelow(folder, name)));
    else files.push(name);
  }
  return files;
}

/** Paths of a folder's pictures from there; what was written there before is none of them. */
async function picturesIn(folder: string, out: string): Promise<string[]> {
  const all = await filesBelow(folder, '');
  const real = (path: string) => realpath(path).catch(() => resolve(path));
  const within = relative(await real(folder), await real(out));
  const isOutput = (name: string) =>
    (name.endsWith(OVERLAY) || name.endsWith(CLASSES)) &&
    (within === '' || name.startsWith(`${within}${sep}`));
  const names: string[] = [];
  for (const name of all.sort()) {
    if (!isPicture(name) || isOutput(name)) continue;
    const found = await ifThere(stat(join(folder, name)));
    // A link that leads nowhere is left for reading it to tell.
    if (!found?.isDirectory()) names.push(name);
  }
  if (names.length === 0) {
    throw new Error(`${folder} holds no picture; expected JPEG, PNG or WebP files in it`);
  }
  return names;
}

/** Where upper and lower case are one, two names that differ in case are one file. */
const plainPath = (path: string) => resolve(path).toLowerCase();

function requireDistinct(jobs: readonly PictureJob[]): void {
  const first = new Map<string, PictureJob>();
  for (const job of jobs) {
    const other = first.get(plainPath(job.overlay));
    if (other) {
      throw new Error(
        other.file === job.file
          ? `${job.file} is given twice; give it once`
          : `${other.file} and ${job.file} would both be written as ${job.overlay}; rename one, or segment ` +
              'them into folders of their own',
      );
    }
    first.set(plainPath(job.overlay), job);
  }
}

async function requireFree(jobs: readonly PictureJob[], force: boolean): Promise<void> {
  const inputs = new Set(jobs.map(({ file }) => plainPath(file)));
  for (const output of jobs.flatMap(({ overlay, classes }) => [overlay, classes])) {
    if (inputs.has(plainPath(output))) {
      throw new Error(
        `${output} is a picture to segment, and would be replaced; give another --out`,
      );
    }
    const found = await ifThere(stat(output));
    if (found?.isDirectory()) throw new Error(`${output} is a folder; give another --out`);
    if (found && !force) throw new Error(`${output} exists; --force replaces it`);
  }
}

/**
 * Writes both files of a picture; each appears whole or not at all, and neither without the other's bytes
 * being on the disk.
 *
 * @throws {Error} when they cannot be written; nothing unfinished is left
 */
export async function writeOutputs(
  job: PictureJob,
  pixels: Readonly<Record<'overlay' | 'classes', EncodedPixels>>,
): Promise<void> {
  const parts = [['overlay', job.overlay] as const, ['classes', job.classes] as const].map(
    ([kind, file]) => ({ kind, file, unfinished: `${file}.part` }),
  );
  try {
    await mkdir(dirname(job.overlay), { recursive: true });
    for (const { kind, unfinished } of parts) await writeFile(unfinished, encodePng(pixels[kind]));
    for (const { file, unfinished } of parts) await rename(unfinished, file);
  } catch (error) {
    for (const { unfinished } of parts) {
      await rm(unfinished, { force: true }).catch(() => undefined);
    }
    throw new Error(`${job.overlay} cannot be written: ${messageOf(error)}`, { cause: error });
  }
}
