/** `tfjs-revcol segment`: what is where in pictures. */
import { readFile } from 'node:fs/promises';
import type { Command } from 'commander';

import { messageOf } from '../../common/messages';
import { paintSegmentation } from '../../models/paint_segmentation';
import { type ClassArea, segment } from '../../models/segment';
import type { SegmentOptions } from '../../models/segment_options';
import { decodeShown } from '../../pictures/decode_image';
import type { RgbImage } from '../../preprocessing/image';
import { activateBackend, type BackendName } from '../base/backend';
import { interruptible } from '../base/interrupt';
import { addDownloadOptions, addPartOptions, backendOption, integer, share } from '../base/options';
import type { Terminal } from '../base/terminal';
import { linesOf } from '../base/text';
import { givenNames } from '../models/class_names';
import type { DenseOptions } from '../models/dense_model';
import { type LoadedSegmenter, loadSegmenter } from '../models/segmenter';
import { type PictureJob, pictureJobs, SEGMENT_OUTPUTS, writeOutputs } from './picture_files';
import { PictureLoop } from './picture_loop';
import {
  addSegmentingOptions,
  requireWindowsFor,
  type SegmentingChoice,
  segmentingSettings,
} from './segment_settings';
import { requireFitting } from './segment_sizes';

interface SegmentCommandOptions extends Omit<DenseOptions, 'signal'>, SegmentingChoice {
  out: string;
  classes?: string;
  opacity: number;
  top: number;
  skipBroken?: boolean;
  force?: boolean;
  backend?: BackendName;
  json?: boolean;
}

type SegmentJob = PictureJob<'overlay' | 'classes'>;

/** What is told of a picture. */
interface PictureResult {
  overlay: string;
  classes: string;
  width: number;
  height: number;
  areas: {
    class: number;
    name: string;
    colour: readonly number[];
    pixels: number;
    share: number;
  }[];
}

export function addSegmentCommand(program: Command, terminal: Terminal): void {
  const command = program
    .command('segment')
    .description('tell the class of every pixel of JPEG, PNG and WebP images')
    .argument('<image|folder...>', 'image files, and folders of them')
    .requiredOption(
      '-w, --weights <file|folder|name>',
      'checkpoint (path or URL), folder with a tfjs model, or a published segmenter',
    )
    .requiredOption('-o, --out <folder>', 'for NAME.overlay.png and NAME.classes.png')
    .option('-m, --model <name>', 'published segmenter whose windows, sizes and classes apply');
  addSegmentingOptions(command)
    .option('-c, --classes <file>', 'names of the classes, one in each line, or JSON')
    .option('--opacity <share>', 'of the colours in the overlay, from 0 to 1', share, 0.5)
    .option('-t, --top <count>', 'areas to show for each image', integer(1), 5)
    .option('--skip-broken', 'leave out images that cannot be read or segmented, and list them')
    .option('-f, --force', 'replace files of an earlier run')
    .addOption(backendOption())
    .option('--json', 'as JSON, with all areas');
  addDownloadOptions(addPartOptions(command))
    .addHelpText(
      'after',
      `
A class map is a grey PNG of 8 bits whose values are the numbers of the classes, from 0. Images are turned
upright by their orientation tag (EXIF).

Examples:
  $ tfjs-revcol segment street.jpg --weights upernet_revcol_tiny.ade20k_512 --out out --mode slide
  $ tfjs-revcol segment photos --weights best.pth --classes parts.txt --out out --scales 1,1.25 --flip`,
    )
    .action(async (inputs: string[], options: SegmentCommandOptions) => {
      requireWindowsFor(options.mode, options.window);
      // First what is given: a bad image should be found before gigabytes of weights.
      const found = await pictureJobs(inputs, options.out, options.force ?? false, SEGMENT_OUTPUTS);
      const loop = new PictureLoop(options.skipBroken === true);
      const jobs = await loop.readable(found);
      const { names: given, check } = await givenNames(options.classes);
      await activateBackend(options.backend);
      const results = await interruptible(async (signal) => {
        const segmenter = await loadSegmenter({ ...options, signal }, terminal, check);
        try {
          const settings = {
            ...segmentingSettings(segmenter, options),
            ...(given ? { classes: given } : {}),
          };
          const all: Record<string, PictureResult> = {};
          await loop.each(
            jobs,
            signal,
            terminal,
            (job, run) => segmentPicture(segmenter, job, { ...settings, ...run }, options.opacity),
            async ({ pixels, result }, job) => {
              await writeOutputs(job, pixels);
              all[job.file] = result;
            },
          );
          return all;
        } finally {
          segmenter.model.dispose();
        }
      });
      loop.tell(terminal);
      terminal.out(
        options.json ? `${JSON.stringify(results, null, 2)}\n` : asText(results, options.top),
      );
    });
}

/** What is written and told of a picture. */
interface Segmented {
  pixels: Parameters<typeof writeOutputs<'overlay' | 'classes'>>[1];
  result: PictureResult;
}

/** Reads and segments one picture. */
async function segmentPicture(
  { model, numClasses }: LoadedSegmenter,
  job: SegmentJob,
  settings: SegmentOptions,
  opacity: number,
): Promise<Segmented> {
  const pixels: RgbImage = await decodeShown(await readFile(job.file), job.file);
  const { width, height } = pixels;
  let result;
  try {
    requireFitting([height, width], numClasses, settings);
    result = await segment(model, pixels, settings);
  } catch (error) {
    settings.signal?.throwIfAborted();
    throw new Error(
      `${job.file}, ${width} x ${height} pixels, cannot be segmented: ${messageOf(error)}`,
      { cause: error },
    );
  }
  const { data } = paintSegmentation(result, pixels, opacity);
  const { overlay, classes } = job;
  return {
    pixels: {
      overlay: { width, height, data: data as Uint8Array },
      classes: { width, height, data: result.map as Uint8Array },
    },
    result: { overlay, classes, width, height, areas: result.areas.map(areaOf) },
  };
}

function areaOf({ index, name, colour, pixels, share }: ClassArea): PictureResult['areas'][number] {
  return { class: index, name, colour, pixels, share };
}

function asText(results: Record<string, PictureResult>, top: number): string {
  const blocks = Object.entries(results).map(([file, { overlay, areas }]) => {
    const lines = areas
      .slice(0, top)
      .map(
        (area) =>
          `${(100 * area.share).toFixed(1).padStart(6)}%  ${String(area.class).padStart(5)}  ${area.name}`,
      );
    return linesOf(`${file} -> ${overlay}`, ...lines);
  });
  return blocks.join('\n');
}
