/** The pictures that `segment` and `detect` are given, and the pictures that they write. */
import { readdir, realpath, stat } from 'node:fs/promises';
import { basename, dirname, extname, join, relative, resolve, sep } from 'node:path';

import { ifThere } from '../../common/if_there';
import { messageOf } from '../../common/messages';
import { isHidden, isPicture } from '../../data/class_folders';
import { writeWhole } from '../../model_files/write_whole';
import { type EncodedPixels, encodePng } from '../../pictures/encode_png';
import { listing } from '../../pictures/listing';

/** A picture and what is made of it: a file of each kind. */
export type PictureJob<Kind extends string> = { readonly file: string } & Readonly<
  Record<Kind, string>
>;

/** What a command makes of a picture. */
export interface PictureOutputs<Kind extends string> {
  /** What stands behind the picture's name, of each kind: `.overlay.png`. The first tells outputs apart. */
  readonly endings: Readonly<Record<Kind, string>>;
  /** What it does with pictures, for messages. */
  readonly verb: string;
}

/** What `segment` makes of one. */
export const SEGMENT_OUTPUTS: PictureOutputs<'overlay' | 'classes'> = {
  endings: { overlay: '.overlay.png', classes: '.classes.png' },
  verb: 'segment',
};

/**
 * Finds the pictures, and gives each its outputs in the folder `out`, such as `NAME.overlay.png`. Those of a folder
 * are found in its folders, too, and keep their place there.
 *
 * @param force whether outputs that are there may be replaced
 * @throws {Error} when an input is not there, a folder has no picture, `out` is a file, two pictures would have
 *   one output, or an output is there already, or is itself an input
 */
export async function pictureJobs<Kind extends string>(
  inputs: readonly string[],
  out: string,
  force: boolean,
  outputs: PictureOutputs<Kind>,
): Promise<PictureJob<Kind>[]> {
  const endings = Object.entries(outputs.endings) as [Kind, string][];
  const place = await ifThere(stat(out));
  if (place && !place.isDirectory()) {
    throw new Error(`--out: ${out} is a file; give a folder, which is made where there is none`);
  }
  const jobs: PictureJob<Kind>[] = [];
  for (const input of inputs) {
    const found = await stat(input).catch((error: unknown) => {
      throw new Error(`${input} cannot be read: ${messageOf(error)}`, { cause: error });
    });
    const names = found.isDirectory()
      ? await picturesIn(
          input,
          out,
          endings.map(([, ending]) => ending),
        )
      : [basename(input)];
    const folder = found.isDirectory() ? input : dirname(input);
    for (const name of names) {
      const stem = join(out, name.slice(0, name.length - extname(name).length));
      const made = endings.map(([kind, ending]) => [kind, `${stem}${ending}`] as const);
      jobs.push({
        file: found.isDirectory() ? join(folder, name) : input,
        ...(Object.fromEntries(made) as Record<Kind, string>),
      });
    }
  }
  const all = jobs.map((job) => ({
    file: job.file,
    outputs: endings.map(([kind]) => job[kind]),
  }));
  requireDistinct(all, outputs.verb);
  await requireFree(all, force, outputs.verb);
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
async function picturesIn(
  folder: string,
  out: string,
  endings: readonly string[],
): Promise<string[]> {
  const all = await filesBelow(folder, '');
  const real = (path: string) => realpath(path).catch(() => resolve(path));
  const within = relative(await real(folder), await real(out));
  const isOutput = (name: string) =>
    endings.some((ending) => name.endsWith(ending)) &&
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

/** A picture and the paths of what is made of it. */
interface Made {
  readonly file: string;
  readonly outputs: readonly string[];
}

function requireDistinct(jobs: readonly Made[], verb: string): void {
  const first = new Map<string, Made>();
  for (const job of jobs) {
    const output = job.outputs[0] as string;
    const other = first.get(plainPath(output));
    if (other) {
      throw new Error(
        other.file === job.file
          ? `${job.file} is given twice; give it once`
          : `${other.file} and ${job.file} would both be written as ${output}; rename one, or ` +
              `${verb} them into folders of their own`,
      );
    }
    first.set(plainPath(output), job);
  }
}

async function requireFree(jobs: readonly Made[], force: boolean, verb: string): Promise<void> {
  const inputs = new Set(jobs.map(({ file }) => plainPath(file)));
  for (const output of jobs.flatMap(({ outputs }) => outputs)) {
    if (inputs.has(plainPath(output))) {
      throw new Error(
        `${output} is a picture to ${verb}, and would be replaced; give another --out`,
      );
    }
    const found = await ifThere(stat(output));
    if (found?.isDirectory()) throw new Error(`${output} is a folder; give another --out`);
    if (found && !force) throw new Error(`${output} exists; --force replaces it`);
  }
}

/**
 * Writes all files of a picture; each appears whole or not at all, and none before all are written.
 *
 * @throws {Error} when they cannot be written; nothing unfinished is left
 */
export async function writeOutputs<Kind extends string>(
  job: PictureJob<Kind>,
  pixels: Readonly<Record<Kind, EncodedPixels>>,
): Promise<void> {
  const kinds = Object.keys(pixels) as Kind[];
  await writeWhole(
    Object.fromEntries(kinds.map((kind) => [job[kind] as string, encodePng(pixels[kind])])),
  );
}
