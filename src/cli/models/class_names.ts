/** Names of classes: from a file (`--labels`), else the model's own, else ImageNet's. */
import { stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type * as tfl from '@tensorflow/tfjs-layers';

import { oneLine } from '../../common/harmless';
import { ifThere } from '../../common/if_there';
import { messageOf } from '../../common/messages';
import { metadataOf } from '../../common/model_metadata';
import { givenText } from '../base/given_file';
import { linesOf } from '../base/text';

/**
 * Reads the names of classes: text with a name in each line, a JSON list of names, or a JSON object of
 * names by the class's number, as `id2label` in Hugging Face's `config.json`.
 *
 * @returns names by class
 * @throws {Error} when the file cannot be read or is none of these
 */
export async function readClassNames(file: string): Promise<string[]> {
  const text = (await givenText(file)).replace(/^\u{feff}/u, '');
  const names = JSON_BEGINS.test(text) ? namesOfJson(text, file) : namesOfLines(text);
  const empty = names.findIndex((name) => name.trim() === '');
  if (empty >= 0) throw new Error(`${file}: class ${empty} has an empty name`);
  if (names.length === 0) throw new Error(`${file} names no class; expected a name in each line`);
  return names;
}

/** How text begins that is read as JSON. */
const JSON_BEGINS = /^\s*[[{]/;

/** Names as text that `readClassNames` reads: one in each line, or a JSON list where a line would not bring a name back. */
export function textOfNames(names: readonly string[]): string {
  const lines = linesOf(...names);
  const read = JSON_BEGINS.test(lines) ? [] : namesOfLines(lines);
  const isSame = read.length === names.length && read.every((name, i) => name === names[i]);
  return isSame ? lines : `${oneLine(JSON.stringify(names))}\n`;
}

/** Files that may name the classes of a model beside its `model.json`, where it does not do so itself. */
const BESIDE = ['labels.json', 'labels.txt', 'classes.txt'];

/**
 * Names of classes that lie in a folder.
 *
 * @returns undefined where there are none
 * @throws {Error} as `readClassNames`
 */
export async function namesIn(folder: string): Promise<string[] | undefined> {
  for (const name of BESIDE) {
    const file = join(folder, name);
    const found = await ifThere(stat(file));
    if (found?.isFile()) return readClassNames(file);
  }
  return undefined;
}

/**
 * Names of classes that lie beside a saved model; undefined where there are none for so many classes.
 *
 * @param file its `model.json`
 * @throws {Error} as `readClassNames`
 */
async function namesBeside(file: string, classes: number): Promise<string[] | undefined> {
  for (const name of BESIDE) {
    const beside = join(dirname(file), name);
    const found = await ifThere(stat(beside));
    const names = found?.isFile() ? await readClassNames(beside) : [];
    if (names.length === classes) return names;
  }
  return undefined;
}

/**
 * Names of classes that a saved model brings along, else those that lie beside it; undefined where there are none.
 *
 * @param file its `model.json`
 * @throws {Error} when it names more or fewer classes than it has, and as `readClassNames`
 */
export async function savedNames(
  file: string,
  model: tfl.LayersModel,
  classes: number,
): Promise<readonly string[] | undefined> {
  const { classNames } = metadataOf(model);
  if (!classNames) return namesBeside(file, classes);
  requireNames(classNames, file, classes);
  return classNames;
}

/** Names of a file that an option gives, and a check that a model has as many classes; no names where it is not given. */
export async function givenNames(
  file: string | undefined,
): Promise<{ names: readonly string[] | undefined; check: (classes: number) => void }> {
  if (file === undefined) return { names: undefined, check: () => undefined };
  const names = await readClassNames(file);
  return { names, check: (classes) => requireNames(names, file, classes) };
}

function namesOfLines(text: string): string[] {
  const lines = text.trimEnd();
  return lines === '' ? [] : lines.split(/\r?\n/).map((line) => line.trim());
}

function namesOfJson(text: string, file: string): string[] {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (error) {
    throw new Error(`${file} is not JSON, as which it begins: ${messageOf(error)}`, {
      cause: error,
    });
  }
  const entries = Object.entries(json as object);
  const names = Array.from({ length: entries.length }, () => '');
  for (const [key, name] of entries) {
    const index = Number(key);
    if (typeof name !== 'string' || !Number.isInteger(index) || names[index] === undefined) {
      throw new Error(
        `${file}: expected a list of names, or names by the numbers 0 to ${entries.length - 1}; got ` +
          `${JSON.stringify(name)?.slice(0, 80)} for ${key}`,
      );
    }
    names[index] = name;
  }
  return names;
}

/**
 * Asserts a name for each class.
 *
 * @throws {Error} when there are more or fewer
 */
function requireNames(names: readonly string[], file: string, classes: number): void {
  if (names.length === classes) return;
  throw new Error(`${file} names ${names.length} classes, the model has ${classes}`);
}

/** ImageNet's names for a thousand classes; undefined for any other number. */
export async function imagenetNames(classes: number): Promise<readonly string[] | undefined> {
  if (classes !== 1000) return undefined;
  return (await import('../../registry/imagenet_classes')).IMAGENET_CLASSES;
}
