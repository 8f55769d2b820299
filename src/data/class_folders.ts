/** Paths of pictures, whose folders say of what class they are. */
import { shown } from '../common/arguments';
import { requireClassNames } from './class_names';

/** Options that say which pictures are meant, and of which classes. */
export interface ClassFolderOptions {
  /**
   * The part to take where the folder holds several, such as `train`, `val` and `test`: the name of the
   * sub-folder that holds the classes. Default: the folder holds them itself.
   */
  split?: string;
  /**
   * The classes in their order, such as those of the training part. A class without pictures is no error
   * then, a folder of another class is one. Default: all sub-folders, sorted.
   */
  classNames?: readonly string[];
}

/** Labelled paths. */
export interface ClassFolders {
  readonly classNames: readonly string[];
  /** By class, then by name. */
  readonly paths: readonly string[];
  /** The class of each. */
  readonly labels: Int32Array;
}

/** Endings of files that are read, and of other pictures, which are named instead of passed over. */
const PICTURES = /\.(jpe?g|jpe|jfif|png|webp)$/i;
const OTHER_PICTURES = /\.(gif|bmp|tiff?|hei[cf]|avif|jxl|jp2|svg|ico|psd|dng|cr2|nef)$/i;
/** What the parts of a data set are called. */
const PARTS = /^(train(ing)?|val(id(ation)?)?|test(ing)?|eval(uation)?|dev)$/i;

/** Whether a file is a picture, also one of a kind that is not read, which reading it then tells. */
export function isPicture(name: string): boolean {
  return PICTURES.test(name) || OTHER_PICTURES.test(name);
}

/** Whether a file or folder is none of the data: hidden, or left by an archiver. */
export function isHidden(name: string): boolean {
  return name.startsWith('.') || name === '__MACOSX';
}

/**
 * Sorts pictures by class.
 *
 * @param place what holds them, for messages
 * @param files paths from there, with `/` between names: class folder first; in it pictures may lie in
 *   folders of their own. Files that are no pictures, or hidden, are passed over
 * @param folders the names of all folders that lie there, also of those without a file
 * @throws {Error} when there is no folder of a class, only one, one without pictures, or one that is none of
 *   `classNames`; pictures lie beside the folders; two folders have one name; or one path is there twice
 */
export function sortByClass(
  owner: string,
  place: string,
  files: readonly string[],
  folders: readonly string[],
  { classNames: wanted }: ClassFolderOptions,
): ClassFolders {
  if (wanted !== undefined) requireClassNames(owner, wanted);
  const pictures = files.filter(
    (file) => isPicture(file) && !file.split('/').some((name) => isHidden(name)),
  );
  requireFolders(owner, place, pictures, folders);
  const classNames = wanted ?? [...folders].sort();
  requireDistinct(owner, place, folders);
  const unknown = folders.find((folder) => !classNames.includes(folder));
  if (unknown !== undefined) {
    throw new Error(
      `${owner}: ${place} has a folder ${shown(unknown)}, which is none of the classes ` +
        `${classNames.map((name) => shown(name)).join(', ')}; name it so, or take it away`,
    );
  }
  const byClass = new Map<string, string[]>(classNames.map((name) => [name, []]));
  for (const file of pictures) byClass.get(file.split('/')[0] as string)?.push(file);
  const empty = wanted ? undefined : classNames.find((name) => byClass.get(name)?.length === 0);
  if (empty !== undefined) {
    throw new Error(
      `${owner}: class ${shown(empty)} of ${place} has no picture (JPEG, PNG or WebP); add some, take the ` +
        'folder away, or give classNames, with which a class may be empty',
    );
  }
  if (classNames.length === 1) {
    throw new Error(
      `${owner}: ${place} has one class only, ${shown(classNames[0])}; expected a folder for each of two or ` +
        'more classes',
    );
  }
  const paths = [...byClass.values()].flatMap((list) => list.sort());
  if (paths.length === 0) {
    throw new Error(`${owner}: ${place} holds no picture (JPEG, PNG or WebP) of any class`);
  }
  const twice = paths.find((path, i) => path === paths[i + 1]);
  if (twice !== undefined) {
    throw new Error(`${owner}: two files are named ${twice}; give each a name of its own`);
  }
  const labels = [...byClass.values()].flatMap((list, label) => list.map(() => label));
  return { classNames: [...classNames], paths, labels: Int32Array.from(labels) };
}

function requireFolders(
  owner: string,
  place: string,
  pictures: readonly string[],
  folders: readonly string[],
): void {
  const beside = pictures.find((file) => !file.includes('/'));
  if (folders.length === 0) {
    throw new Error(
      `${owner}: ${place} has no folders; expected one for each class, with its pictures` +
        (beside === undefined ? '' : `, and not ${beside} beside them`),
    );
  }
  if (folders.every((name) => PARTS.test(name))) {
    throw new Error(
      `${owner}: ${place} holds the parts ${[...folders].sort().join(', ')}, each with folders of classes; ` +
        `say which by split: ${shown([...folders].sort()[0])}`,
    );
  }
  if (beside !== undefined) {
    throw new Error(
      `${owner}: ${beside} lies beside the folders of ${place}, so its class is not known; put it into the ` +
        'folder of its class, or take it away',
    );
  }
}

/** Accents can be written in two ways, which look the same and are told apart by some file systems only. */
function requireDistinct(owner: string, place: string, folders: readonly string[]): void {
  const names = folders.map((name) => name.normalize('NFC'));
  const twice = names.find((name, i) => names.indexOf(name) !== i);
  if (twice === undefined) return;
  throw new Error(
    `${owner}: ${place} has two folders named ${shown(twice)}, written with different Unicode characters; ` +
      'put their pictures into one',
  );
}
