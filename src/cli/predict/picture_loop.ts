/** Going through pictures one by one, as `segment` and `detect` do. */
import { readFile } from 'node:fs/promises';

import { messageOf } from '../../common/messages';
import { checkImage } from '../../pictures/decode_image';
import { type Terminal, withProgress } from '../base/terminal';
import { linesOf } from '../base/text';

/** What is known of each picture. */
interface Picture {
  readonly file: string;
}

/** What goes on in a picture: to be stopped, and told of from 0 to 1. */
interface PictureRun {
  readonly signal: AbortSignal;
  readonly onProgress: (done: number) => void;
}

/** The loop, and the pictures that are left out of it since they are broken. */
export class PictureLoop {
  /** Why, by file. */
  private readonly skipped = new Map<string, string>();

  /** @param skipBroken whether broken pictures may be left out; else they are errors */
  constructor(private readonly skipBroken: boolean) {}

  /**
   * Those that can be read, as far as their first bytes tell.
   *
   * @throws {Error} when there is none
   */
  async readable<Job extends Picture>(jobs: readonly Job[]): Promise<Job[]> {
    const kept: Job[] = [];
    for (const job of jobs) {
      const isKept = await this.attempt(job, async () => {
        await checkImage(await readFile(job.file), job.file);
        return true;
      });
      if (isKept) kept.push(job);
    }
    if (kept.length === 0) throw new Error(`no image can be read: ${this.firstReason()}`);
    return kept;
  }

  /**
   * Makes something of each picture, and keeps it, with a bar of progress.
   *
   * @param make a failure of it is the picture's fault
   * @param keep a failure of it, such as a full disk, is not
   * @throws {Error} when none could be made, and what `signal` was aborted with
   */
  async each<Job extends Picture, Made>(
    jobs: readonly Job[],
    signal: AbortSignal,
    terminal: Terminal,
    make: (job: Job, run: PictureRun) => Promise<Made>,
    keep: (made: Made, job: Job, index: number) => Promise<void>,
  ): Promise<void> {
    let count = 0;
    const rounded = (value: number) => String(Math.floor(value));
    await withProgress(terminal, 'pictures', rounded, async (report) => {
      for (const [i, job] of jobs.entries()) {
        const onProgress = (done: number) => report(i + done, jobs.length);
        onProgress(0);
        const made = await this.attempt(job, async () => ({
          of: await make(job, { signal, onProgress }),
        }));
        // Also where broken images are left out, an interrupt is no such thing.
        signal.throwIfAborted();
        if (made === undefined) continue;
        await keep(made.of, job, i);
        count++;
      }
    });
    if (count === 0) throw new Error(this.firstReason());
  }

  /** Says which pictures were left out, and why. */
  tell(terminal: Terminal): void {
    for (const message of this.skipped.values()) terminal.error(linesOf(`left out: ${message}`));
  }

  private firstReason(): string | undefined {
    return [...this.skipped.values()][0];
  }

  private async attempt<T>({ file }: Picture, work: () => Promise<T>): Promise<T | undefined> {
    try {
      return await work();
    } catch (error) {
      if (!this.skipBroken) throw error;
      this.skipped.set(file, messageOf(error));
      return undefined;
    }
  }
}
