/** Saving a loop of training steps every so many of them, and going on from there. */
import { requireFunction, requireInteger } from '../common/arguments';
import type { OptionNames } from '../common/options';
import { CheckpointError } from '../weights/errors';
import type { TrainingParts, TrainingTarget } from './saved_training';

/** Whether, where and when steps are saved. */
export interface SavedStepsOptions {
  /**
   * Where to save: a path in Node, `'indexeddb://NAME'` in browsers. Where something is saved there when
   * training begins, it goes on from there. Default: nowhere.
   */
  saveTo?: TrainingTarget;
  /** Steps between two times of saving, from 1. Default 1000. */
  saveEvery?: number;
  /** What else to save, as plain JSON, before the step of this number. Default: nothing. */
  extra?: (nextStep: number) => unknown;
  /**
   * Called before the first step when training goes on from what was saved.
   *
   * @param nextStep number of that step
   * @param extra what option `extra` gave
   */
  onResume?: (nextStep: number, extra: unknown) => void | Promise<void>;
  /** Stops before the next step, when that is saved. */
  signal?: AbortSignal;
}

/** Two thirds of what a page would carry, loaded where steps are saved. */
const loading = () => import('./load_training');
const saving = () => import('./save_training');

/** Their names. */
export const SAVED_STEPS_OPTIONS: OptionNames<SavedStepsOptions> = {
  saveTo: true,
  saveEvery: true,
  extra: true,
  onResume: true,
  signal: true,
};

/** The saving of a loop. Does nothing where there is no place to save to. */
export class SavedSteps {
  private readonly every: number;
  /** Number of the step that was saved last. */
  private saved?: number;

  /**
   * @param end number of the step after the last
   * @throws {Error} when an option is out of range, or says how to save where `saveTo` does not say where
   */
  constructor(
    private readonly owner: string,
    private readonly parts: TrainingParts,
    private readonly options: SavedStepsOptions,
    private readonly end: number,
  ) {
    const { saveTo, saveEvery, extra, onResume } = options;
    this.every = saveEvery ?? 1000;
    requireInteger(owner, 'saveEvery', this.every, 1);
    if (extra != null) requireFunction(owner, 'extra', extra);
    if (onResume != null) requireFunction(owner, 'onResume', onResume);
    if (saveTo != null) return;
    const idle = (['saveEvery', 'extra', 'onResume'] as const).find(
      (name) => options[name] != null,
    );
    if (idle) throw new Error(`${owner}: ${idle} is given without saveTo; say where to save`);
  }

  /**
   * Loads what is saved; where there is nothing, saves, so that a place that cannot be written to is
   * told of before any work is done.
   *
   * @returns number of the first step to take
   */
  async resume(firstStep: number): Promise<number> {
    const { owner, options, end } = this;
    const { saveTo, onResume } = options;
    if (saveTo == null) return firstStep;
    const { loadTraining, savedTraining } = await loading();
    const found = await savedTraining(saveTo);
    if (!found) {
      await this.save(firstStep);
      return firstStep;
    }
    if (found.step < firstStep || found.step > end) {
      throw new CheckpointError(
        'mismatch',
        `${owner}: at ${saveTo} training is saved before step ${found.step}; expected one from firstStep ` +
          `${firstStep} to ${end}, the number of the last step and one. Give another place, or remove it ` +
          `with removeTraining`,
      );
    }
    const { step, extra } = await loadTraining(saveTo, this.parts);
    this.saved = step;
    await onResume?.(step, extra);
    return step;
  }

  /** Saves where it is time to, after so many steps. */
  async after(next: number, taken: number): Promise<void> {
    if (taken % this.every === 0 || next === this.end) await this.save(next);
  }

  /**
   * Where training is to be stopped, saves and throws.
   *
   * @throws {unknown} `signal.reason`
   */
  async stopHere(next: number): Promise<void> {
    const { signal } = this.options;
    if (!signal?.aborted) return;
    if (next !== this.saved) await this.save(next);
    signal.throwIfAborted();
  }

  private async save(next: number): Promise<void> {
    const { saveTo, extra } = this.options;
    if (saveTo == null) return;
    const { saveTraining } = await saving();
    await saveTraining(saveTo, { ...this.parts, step: next, extra: extra?.(next) });
    this.saved = next;
  }
}
