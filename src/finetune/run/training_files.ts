/** Where fine-tuning is saved, and what of it: all that the next step depends on. */
import { loadTraining, savedTraining } from '../../training/load_training';
import { saveTraining } from '../../training/save_training';
import type { NamedTensor } from '../../training/saved_states';
import type { SavesWeights, TrainingParts } from '../../training/saved_training';
import type { Progress } from './progress';

/** Names of what is saved. */
export interface TrainingPlaces {
  /** The state after the last steps: training goes on from it. */
  readonly last: string;
  /** The state with the weights of the best epoch in the model. */
  readonly best: string;
}

/** What is saved beside tensors. */
export interface SavedRun {
  /** By what the run was made; another one cannot go on with it. */
  readonly settings: Readonly<Record<string, unknown>>;
  readonly progress: Progress<unknown>;
}

/** The places below what a caller has named. */
export function placesIn(saveTo: string): TrainingPlaces {
  const at = (name: string) =>
    /^indexeddb:\/\//.test(saveTo)
      ? `${saveTo}/${name}`
      : `${saveTo.replace(/[/\\]+$/, '')}/${name}.safetensors`;
  return { last: at('last'), best: at('best') };
}

/** Several things that save as tensors, as one. */
export class Together implements SavesWeights {
  constructor(private readonly parts: Readonly<Record<string, SavesWeights>>) {}

  async getWeights(): Promise<NamedTensor[]> {
    const all: NamedTensor[] = [];
    for (const [key, part] of Object.entries(this.parts)) {
      for (const { name, tensor } of await part.getWeights()) {
        all.push({ name: `${key}:${name}`, tensor });
      }
    }
    return all;
  }

  async setWeights(saved: NamedTensor[]): Promise<void> {
    for (const [key, part] of Object.entries(this.parts)) {
      const own = saved.filter(({ name }) => name.startsWith(`${key}:`));
      await part.setWeights(
        own.map(({ name, tensor }) => ({ name: name.slice(key.length + 1), tensor })),
      );
    }
  }
}

/** Saves to a place; a folder that is not there, or not any more, is made. */
export async function saveRun(place: string, parts: TrainingParts, run: SavedRun): Promise<void> {
  await saveTraining(place, { ...parts, step: run.progress.step, extra: run });
}

/** What is saved at a place, without its tensors; null where there is nothing. */
export async function savedRun(owner: string, place: string): Promise<SavedRun | null> {
  const saved = await savedTraining(place);
  if (!saved) return null;
  const { settings, progress } = (saved.extra ?? {}) as Partial<SavedRun>;
  if (settings && progress) return { settings, progress };
  throw new Error(
    `${owner}: ${place} holds a training that ${owner} has not saved; choose another place`,
  );
}

/** Gives the parts what is saved at a place. */
export async function loadRun(place: string, parts: TrainingParts): Promise<void> {
  await loadTraining(place, parts);
}

/**
 * Asserts that a saved run was made by the same settings.
 *
 * @throws {Error} when one differs, with what it was
 */
export function requireSame(
  owner: string,
  place: string,
  saved: SavedRun['settings'],
  settings: SavedRun['settings'],
): void {
  const names = [...new Set([...Object.keys(saved), ...Object.keys(settings)])];
  const other = names.find((n) => JSON.stringify(saved[n]) !== JSON.stringify(settings[n]));
  if (other === undefined) return;
  if (other === 'examples' || other === 'examplesChecksum') {
    throw new Error(
      `${owner}: the training saved at ${place} is of other examples: ${counted(saved)}, now ` +
        `${counted(settings)}` +
        (other === 'examples'
          ? ''
          : `, with other ${'detecting' in settings ? 'names, classes or objects' : 'names or classes'}`) +
        `; an exact resume needs the same. Give those, or another place to begin anew`,
    );
  }
  const text = (value: unknown) => {
    const json = JSON.stringify(value) ?? 'not given';
    return json.length > 80 ? `${json.slice(0, 77)}...` : json;
  };
  throw new Error(
    `${owner}: the training saved at ${place} has ${other} ${text(saved[other])}, this one ` +
      `${text(settings[other])}; an exact resume needs the same. Give what it had, or another place`,
  );
}

/** How many examples a run trains on. */
function counted({ examples }: SavedRun['settings']): string {
  return `${JSON.stringify(examples)} to train on`;
}
