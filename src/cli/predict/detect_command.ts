/** `tfjs-revcol detect`: the objects in pictures. */
import { readFile, stat } from 'node:fs/promises';
import { basename, join } from 'node:path';
import type { Command } from 'commander';

import { type CocoDataset, parseCoco } from '../../coco/dataset';
import { ifThere } from '../../common/if_there';
import { messageOf } from '../../common/messages';
import { writeWhole } from '../../model_files/write_whole';
import { detect, type Detections } from '../../models/detect';
import { classNames, type DetectOptions, longSideFor } from '../../models/detect_options';
import { paintDetections } from '../../models/paint_detections';
import { decodeShown } from '../../pictures/decode_image';
import { activateBackend, type BackendName } from '../base/backend';
import { givenText } from '../base/given_file';
import { interruptible } from '../base/interrupt';
import { addDownloadOptions, addPartOptions, backendOption, integer, share } from '../base/options';
import type { Terminal } from '../base/terminal';
import { linesOf } from '../base/text';
import { givenNames } from '../models/class_names';
import type { DenseOptions } from '../models/dense_model';
import { loadDetector, type LoadedDetector } from '../models/detector';
import { categoryIds, cocoJson, type CocoPicture, pictureIds } from './detect_json';
import { pictureJobs, type PictureOutputs, writeOutputs } from './picture_files';
import { PictureLoop } from './picture_loop';

interface DetectCommandOptions extends Omit<DenseOptions, 'signal'> {
  out: string;
  score: number;
  top: number;
  masks: boolean;
  shortSide?: number;
  longSide?: number;
  proposals?: number;
  classes?: string;
  coco?: string;
  opacity: number;
  skipBroken?: boolean;
  force?: boolean;
  backend?: BackendName;
  json?: boolean;
}

/** What is made of a picture. */
const OUTPUTS: PictureOutputs<'drawn'> = { endings: { drawn: '.detections.png' }, verb: 'detect' };

/** Name of the file with all objects, in the folder `--out`. */
const RESULTS = 'detections.json';

export function addDetectCommand(program: Command, terminal: Terminal): void {
  const command = program
    .command('detect')
    .description('find the objects in JPEG, PNG and WebP images: boxes, classes, masks')
    .argument('<image|folder...>', 'image files, and folders of them')
    .requiredOption(
      '-w, --weights <file|folder|name>',
      'checkpoint (path or URL), folder with a tfjs model, or a published detector',
    )
    .requiredOption('-o, --out <folder>', `for NAME.detections.png and ${RESULTS}`)
    .option('-m, --model <name>', 'published detector whose sizes and classes apply')
    .option('--score <threshold>', 'leave out what is not surer, from 0 to 1', share, 0.3)
    .option('-t, --top <count>', 'objects of an image at most', integer(1), 100)
    .option('--no-masks', 'boxes alone')
    .option('--short-side <pixels>', 'what the shorter side is resized to', integer(1))
    .option(
      '--long-side <pixels>',
      'what the longer side may then have; default: as saved or published, and 1.67 times --short-side at least',
      integer(1),
    )
    .option('--proposals <count>', 'regions to look at; fewer are faster', integer(1))
    .option('-c, --classes <file>', 'names of the classes, one in each line, or JSON')
    .option(
      '--coco <file>',
      `COCO's JSON of annotations: ${RESULTS} has its numbers of pictures and classes`,
    )
    .option('--opacity <share>', 'of the masks in the drawn picture, from 0 to 1', share, 0.5)
    .option('--skip-broken', 'leave out images that cannot be read or searched, and list them')
    .option('-f, --force', 'replace files of an earlier run')
    .addOption(backendOption())
    .option('--json', 'print what is written as JSON');
  addDownloadOptions(addPartOptions(command))
    .addHelpText(
      'after',
      `
${RESULTS} is COCO's JSON: images, categories, and annotations with scores. With --coco it is a list of results,
as evaluate --coco FILE --results ${RESULTS} takes it; for that give --score 0.05. Images are turned upright by their
orientation tag (EXIF).

Examples:
  $ tfjs-revcol detect street.jpg --weights cascade_mask_rcnn_revcol_tiny.coco --out out
  $ tfjs-revcol detect photos --weights best.pth --classes parts.txt --out out --score 0.5`,
    )
    .action(async (inputs: string[], options: DetectCommandOptions) => {
      // First what is given: a bad image should be found before gigabytes of weights.
      const force = options.force ?? false;
      const found = await pictureJobs(inputs, options.out, force, OUTPUTS);
      const results = join(options.out, RESULTS);
      if (!force && (await ifThere(stat(results)))) {
        throw new Error(`${results} exists; --force replaces it`);
      }
      const dataset = options.coco === undefined ? undefined : await readDataset(options.coco);
      const loop = new PictureLoop(options.skipBroken === true);
      const jobs = await loop.readable(found);
      const ids = pictureIds(
        jobs.map(({ file }) => file),
        dataset,
      );
      const { names: given, check } = await givenNames(options.classes);
      if (given) categoryIds(given, dataset);
      await activateBackend(options.backend);
      const { all: made, categories } = await interruptible(async (signal) => {
        const detector = await loadDetector({ ...options, signal }, terminal, check);
        try {
          const settings = settingsOf(detector, options, given);
          // Of the names that the model brings along: before pictures are searched for long.
          const categories = categoryIds(classNames(settings, detector.numClasses), dataset);
          const all: CocoPicture[] = [];
          await loop.each(
            jobs,
            signal,
            terminal,
            ({ file }, run) =>
              detectPicture(detector, file, { ...settings, ...run }, options.opacity),
            async ({ drawn, detections }, job, i) => {
              await writeOutputs(job, { drawn });
              all.push({ file: job.file, id: ids[i] as number, detections });
            },
          );
          return { all, categories };
        } finally {
          detector.model.dispose();
        }
      });
      loop.tell(terminal);
      const json = `${JSON.stringify(cocoJson(made, categories, dataset))}\n`;
      await writeWhole({ [results]: json });
      terminal.out(options.json ? json : asText(made, results));
    });
}

async function readDataset(file: string): Promise<CocoDataset> {
  return parseCoco(await givenText(file), file);
}

/** What the options say, else what the weights bring along. */
function settingsOf(
  { settings }: LoadedDetector,
  { score, top, masks, shortSide, longSide, proposals }: DetectCommandOptions,
  classes: readonly string[] | undefined,
): DetectOptions {
  return {
    ...settings,
    scoreThreshold: score,
    maxDetections: top,
    masks,
    ...(shortSide === undefined
      ? {}
      : { shortSide, longSide: longSideFor(shortSide, settings.longSide) }),
    ...(longSide === undefined ? {} : { longSide }),
    ...(proposals === undefined ? {} : { proposals }),
    ...(classes ? { classes } : {}),
  };
}

/** What is written of a picture. */
interface Drawn {
  detections: Detections;
  drawn: { width: number; height: number; data: Uint8Array };
}

/** Reads and searches one picture. */
async function detectPicture(
  { model }: LoadedDetector,
  file: string,
  settings: DetectOptions,
  opacity: number,
): Promise<Drawn> {
  const pixels = await decodeShown(await readFile(file), file);
  const { width, height } = pixels;
  try {
    const detections = await detect(model, pixels, settings);
    const { data } = paintDetections(detections, pixels, opacity);
    return { detections, drawn: { width, height, data: data as Uint8Array } };
  } catch (error) {
    settings.signal?.throwIfAborted();
    throw new Error(
      `${file}, ${width} x ${height} pixels, cannot be searched: ${messageOf(error)}`,
      { cause: error },
    );
  }
}

/** Of each picture how many objects of which classes there are. */
function asText(made: readonly CocoPicture[], results: string): string {
  const lines = made.map(({ file, detections: { objects } }) => {
    const counts = new Map<string, number>();
    for (const { name } of objects) counts.set(name, (counts.get(name) ?? 0) + 1);
    const parts = [...counts].map(([name, count]) => `${count} ${name}`);
    return `${basename(file)}: ${parts.length > 0 ? parts.join(', ') : 'nothing'}`;
  });
  return linesOf(...lines, `written to ${results}`);
}
