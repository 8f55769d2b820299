/** Labelled pictures that someone chose in a page. */
import { requireArgument, shown } from '../common/arguments';
import { type OptionNames, requireOptions } from '../common/options';
import { readPixels } from '../preprocessing/canvas';
import { type RgbImage, toRgb } from '../preprocessing/image';
import { type ClassFolderOptions, isHidden, sortByClass } from './class_folders';
import { requireClassNames } from './class_names';
import { type ExampleSource, requireExample } from './example_source';
import { limiter } from './limiter';

/** A picture with its class. */
export interface LabelledFile {
  readonly file: File | Blob;
  readonly className: string;
  /** For messages and reports. Default: the file's own name, else its number. */
  readonly name?: string;
}

/** Options of `imageFiles`. */
export type ImageFilesOptions = ClassFolderOptions;

const OPTIONS: OptionNames<ImageFilesOptions> = { split: true, classNames: true };

const OWNER = 'imageFiles';

/** Pictures of cameras take some 50 MB each while they are decoded. */
const AT_A_TIME = 4;

/**
 * Takes labelled pictures in a page: the files of a folder that was chosen by `<input type="file"
 * webkitdirectory>`, which holds a folder for each class; or a list of files with the names of their classes.
 * The browser reads and decodes them when they are wanted, whatever kinds it knows, upright by their EXIF
 * tag (Chromium passes over that of WebP files); transparent pixels are black.
 *
 * @param files a `FileList` or list of files with `webkitRelativePath`, or a list of `{ file, className }`
 * @param options `split` is for folders only
 * @throws {Error} when files lie in no folder, there is no class, only one, or one that is none of
 *   `classNames`; and for a folder as `imageFolder`
 *
 * @example
 * const source = imageFiles(document.querySelector('input').files);
 */
export function imageFiles(
  files: Iterable<File> | ArrayLike<File> | readonly LabelledFile[],
  options: ImageFilesOptions = {},
): ExampleSource {
  requireOptions(OWNER, options, OPTIONS);
  const isList = typeof files === 'object' && files !== null && !('dataId' in files);
  const what = 'the files of an <input>, or a list of { file, className }';
  requireArgument(OWNER, 'files', files, isList, what);
  const list = Array.from(files as ArrayLike<unknown>);
  if (list.length === 0) throw new Error(`${OWNER}: there are no files; expected ${what}`);
  const { classNames, examples } = list.every(isLabelled)
    ? ofList(list, options)
    : ofFolder(list, options);
  const limited = limiter(AT_A_TIME);
  const at = (index: number) => {
    requireExample(OWNER, index, examples.length);
    return examples[index] as Example;
  };
  return {
    length: examples.length,
    classNames,
    label: (index) => at(index).label,
    name: (index) => at(index).name,
    read: async (index) => {
      const { file, name } = at(index);
      return limited(() => decode(file, name));
    },
    close: () => Promise.resolve(),
  };
}

interface Example {
  readonly file: Blob;
  readonly name: string;
  readonly label: number;
}

interface Sorted {
  readonly classNames: readonly string[];
  readonly examples: readonly Example[];
}

function isLabelled(value: unknown): value is LabelledFile {
  const { file, className } = (value ?? {}) as Partial<LabelledFile>;
  return isBlob(file) && typeof className === 'string';
}

function isBlob(value: unknown): value is Blob {
  return typeof (value as Partial<Blob> | undefined)?.arrayBuffer === 'function';
}

function ofList(list: readonly LabelledFile[], { split, classNames }: ImageFilesOptions): Sorted {
  requireArgument(OWNER, 'split', split, split === undefined, 'none for files with their classes');
  const names = classNames ?? [...new Set(list.map(({ className }) => className))].sort();
  requireClassNames(OWNER, names);
  if (names.length === 1) {
    throw new Error(
      `${OWNER}: all files are of class ${shown(names[0])}; expected two or more classes`,
    );
  }
  const examples = list.map(({ file, className, name }, index) => {
    const label = names.indexOf(className);
    const own = name ?? ('name' in file ? file.name : String(index));
    if (label >= 0) return { file, label, name: own };
    throw new Error(
      `${OWNER}: ${own} is of class ${shown(className)}, which is none of ${names.join(', ')}`,
    );
  });
  return { classNames: [...names], examples };
}

function ofFolder(list: readonly unknown[], options: ImageFilesOptions): Sorted {
  const files = new Map<string, File>();
  let place = '';
  for (const file of list) {
    const { webkitRelativePath: path } = (file ?? {}) as Partial<File>;
    if (!isBlob(file) || typeof path !== 'string' || !path.includes('/')) {
      throw new Error(
        `${OWNER}: ${shown((file as Partial<File>)?.name ?? file)} lies in no folder; choose one by ` +
          '<input type="file" webkitdirectory>, or give { file, className } for each',
      );
    }
    const [chosen = '', ...rest] = path.split('/');
    const { split } = options;
    place = split === undefined ? chosen : `${chosen}/${split}`;
    if (split !== undefined && rest.shift() !== split) continue;
    if (rest.length > 0 && !rest.some(isHidden)) files.set(rest.join('/'), file as File);
  }
  const paths = [...files.keys()];
  const folders = new Set(
    paths.flatMap((path) => (path.includes('/') ? path.split('/')[0] : []) ?? []),
  );
  const sorted = sortByClass(OWNER, place, paths, [...folders], options);
  return {
    classNames: sorted.classNames,
    examples: sorted.paths.map((path, i) => ({
      file: files.get(path) as File,
      name: options.split === undefined ? path : `${options.split}/${path}`,
      label: sorted.labels[i] as number,
    })),
  };
}

async function decode(file: Blob, name: string): Promise<RgbImage> {
  if (typeof createImageBitmap === 'undefined') {
    throw new Error(`${name}: cannot be decoded here; in Node use imageFolder of tfjs-revcol/node`);
  }
  let bitmap: ImageBitmap;
  try {
    bitmap = await createImageBitmap(file, { colorSpaceConversion: 'none' });
  } catch (error) {
    throw new Error(
      `${name}: cannot be decoded: the browser knows no such picture, or it is damaged`,
      {
        cause: error,
      },
    );
  }
  try {
    return toRgb(readPixels(bitmap));
  } finally {
    bitmap.close();
  }
}
