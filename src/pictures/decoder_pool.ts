/** Threads that decode pictures: started when there is work, ended when there has been none for a while. */
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';

import type { LabelledPixels } from '../augmentation/segmentation_transform';
import { messageOf } from '../common/messages';
import { ownFile } from '../common/own_file';
import type { TransformRecipe } from '../data/pixel_transform';
import type { LabelledRecipe, LabelMapOptions } from '../data/segmentation_source';
import type { PreprocessOptions } from '../preprocessing/fit_image';
import type { RgbImage } from '../preprocessing/image';

/** What a thread is asked for. */
export interface DecodeRequest {
  readonly file: string;
  /** Options of `fitImage`, to fit it there. */
  readonly fit?: Pick<PreprocessOptions, 'inputSize' | 'crop'>;
  /** What `pixelTransform` takes, to transform it there. */
  readonly transform?: { readonly recipe: TransformRecipe; readonly index: number };
}

/** What it is asked for with a label map. */
export interface LabelledRequest {
  readonly file: string;
  /** File of the label map. */
  readonly map: string;
  readonly labels: Required<LabelMapOptions>;
  /** What changes both, to do it there. */
  readonly transform?: { readonly recipe: LabelledRecipe; readonly index: number };
}

/** What it answers: an image, and its labels where they were asked for. */
export type DecodeAnswer = ({ image: RgbImage } & Partial<LabelledPixels>) | { message: string };

type Answered = Exclude<DecodeAnswer, { message: string }>;

interface Job {
  readonly request: DecodeRequest | LabelledRequest;
  resolve(answer: Answered): void;
  reject(error: Error): void;
}

interface Thread {
  readonly worker: Worker;
  /** What it works on. */
  job?: Job;
  /** Ends it when it has had nothing to do for a while. */
  idle?: NodeJS.Timeout;
}

const IDLE_MILLISECONDS = 5000;

/** In place of a request: the thread ends when it is done with the one before. */
const END = null;

/** A thread that works keeps the process alive; one that waits does not, nor does its end. */
export class DecoderPool {
  private readonly threads = new Set<Thread>();
  private readonly waiting: Job[] = [];

  /** @param most threads at a time */
  constructor(private readonly most: number) {}

  /**
   * Decodes a picture.
   *
   * @throws {Error} that names the file: when it cannot be read or decoded, its thread dies, or the pool is
   *   closed before it is done
   */
  async decode(request: DecodeRequest): Promise<RgbImage> {
    return (await this.answered(request)).image;
  }

  /**
   * Decodes a picture and its label map.
   *
   * @throws {Error} as `decode`, and when they are not of one size or a label is no class
   */
  async decodeLabelled(request: LabelledRequest): Promise<LabelledPixels> {
    return (await this.answered(request)) as LabelledPixels;
  }

  private answered(request: Job['request']): Promise<Answered> {
    return new Promise((resolve, reject) => {
      this.waiting.push({ request, resolve, reject });
      this.giveWork();
    });
  }

  /**
   * Ends all threads; what they work on, and what waits, is rejected. Another `decode` starts them again.
   *
   * @returns when all have ended, and no file is open any more
   */
  async close(): Promise<void> {
    const threads = [...this.threads];
    const jobs = [...this.waiting.splice(0), ...threads.flatMap(({ job }) => job ?? [])];
    for (const { request, reject } of jobs)
      reject(new Error(`${request.file}: the source was closed`));
    await Promise.all(threads.map((thread) => this.end(thread)));
  }

  private giveWork(): void {
    while (this.waiting.length > 0) {
      const thread = [...this.threads].find(({ job }) => !job) ?? this.start();
      if (!thread) return;
      thread.job = this.waiting.shift() as Job;
      clearTimeout(thread.idle);
      thread.worker.ref();
      thread.worker.postMessage(thread.job.request);
    }
  }

  private start(): Thread | undefined {
    if (this.threads.size >= this.most) return undefined;
    const thread: Thread = { worker: startWorker() };
    this.threads.add(thread);
    const fail = (reason: string) => {
      this.threads.delete(thread);
      const { job } = thread;
      thread.job = undefined;
      job?.reject(new Error(`${job.request.file}: the thread that decoded it ended: ${reason}`));
      this.giveWork();
    };
    thread.worker
      .on('message', (answer: DecodeAnswer) => this.take(thread, answer))
      .on('error', (error) => fail(messageOf(error)))
      .on('exit', (code) => fail(`code ${code}`));
    return thread;
  }

  private take(thread: Thread, answer: DecodeAnswer): void {
    // One that is being ended must go on holding the process, and has nobody to answer to.
    if (!this.threads.has(thread)) return;
    const { job } = thread;
    thread.job = undefined;
    thread.worker.unref();
    thread.idle = setTimeout(() => void this.end(thread), IDLE_MILLISECONDS).unref();
    if ('image' in answer) job?.resolve(answer);
    else job?.reject(new Error(answer.message));
    this.giveWork();
  }

  private async end(thread: Thread): Promise<void> {
    const { worker, job } = thread;
    this.threads.delete(thread);
    thread.job = undefined;
    clearTimeout(thread.idle);
    // Else Node may leave before the promise settles, with whatever was to come after it.
    worker.ref();
    if (!job) {
      await worker.terminate();
      return;
    }
    // Of a thread that is ended while it reads, Node leaves the file open for good: it is to end by itself.
    const ended = new Promise((resolve) => worker.once('exit', resolve));
    worker.postMessage(END);
    await ended;
  }
}

/** Where the build has put the thread's code: beside the command line, below everything else. */
const BUILT = ['image_worker.js', 'cli/image_worker.js'];
/** Runs TypeScript, as in this package's own tests. */
const FROM_SOURCE = `
  require('tsx/cjs/api').register();
  require(require('node:worker_threads').workerData);
`;

/** @throws {Error} when its code is not there, as in a bundle that someone has made of this package */
function startWorker(): Worker {
  const own = ownFile(import.meta.url, fileURLToPath);
  const folder = own === undefined ? undefined : dirname(own);
  if (folder !== undefined && own?.endsWith('.ts')) {
    const workerData = join(folder, 'image_worker.ts');
    return new Worker(FROM_SOURCE, { eval: true, workerData });
  }
  const files = folder === undefined ? [] : BUILT.map((name) => join(folder, name));
  const file = files.find((path) => existsSync(path));
  // Flags of the program, such as --input-type of one given on the command line, are not for its threads.
  if (file !== undefined) return new Worker(file, { execArgv: [] });
  throw new Error(
    `imageFolder: ${folder ?? 'the bundle'} has no file ${BUILT[1]}, the code of the threads that decode pictures; ` +
      'where a bundler has moved this package, tell it to leave tfjs-revcol external',
  );
}
