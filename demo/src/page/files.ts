/** Files that are dropped onto the page or chosen: pictures by class, and checkpoints. */
import { element } from './dom';

/** A picture with the class that its folder says; undefined for files that lie in none. */
export interface FoundFile {
  file: File;
  folder?: string;
}

const CHECKPOINT = /\.(safetensors|pth|pt|bin)$/i;

export const isCheckpoint = ({ name }: File): boolean => CHECKPOINT.test(name);

export const isText = ({ type }: File): boolean => type.startsWith('text/');

async function entriesOf(folder: FileSystemDirectoryEntry): Promise<FileSystemEntry[]> {
  const reader = folder.createReader();
  const all: FileSystemEntry[] = [];
  // Some are given at a time, until none is.
  for (;;) {
    const some = await new Promise<FileSystemEntry[]>((resolve, reject) => {
      reader.readEntries(resolve, reject);
    });
    if (some.length === 0) return all;
    all.push(...some);
  }
}

async function walk(entry: FileSystemEntry, folder: string | undefined): Promise<FoundFile[]> {
  if (entry.name.startsWith('.')) return [];
  if (entry.isFile) {
    const file = await new Promise<File>((resolve, reject) => {
      (entry as FileSystemFileEntry).file(resolve, reject);
    });
    return [folder === undefined ? { file } : { file, folder }];
  }
  const found: FoundFile[] = [];
  // Of nested folders the innermost is the class: train/cats/1.png.
  for (const inner of await entriesOf(entry as FileSystemDirectoryEntry)) {
    found.push(...(await walk(inner, entry.name)));
  }
  return found;
}

/** Calls `take` with what is dropped anywhere. */
export function onDrop(take: (found: FoundFile[]) => void, onProblem: (message: string) => void) {
  const { body } = document;
  body.addEventListener('dragover', (event) => {
    event.preventDefault();
    body.classList.add('dropping');
  });
  body.addEventListener('dragleave', () => body.classList.remove('dropping'));
  body.addEventListener('drop', (event) => {
    event.preventDefault();
    body.classList.remove('dropping');
    // Entries are there only until this handler returns.
    const entries = Array.from(event.dataTransfer?.items ?? [], (item) => item.webkitGetAsEntry());
    const files = Array.from(event.dataTransfer?.files ?? []);
    const walks = entries.flatMap((entry) => (entry ? [walk(entry, undefined)] : []));
    Promise.all(walks)
      .then((found) => {
        const all = found.flat();
        take(all.length > 0 ? all : files.map((file) => ({ file })));
      })
      .catch((error: unknown) => onProblem(`What was dropped cannot be read: ${String(error)}`));
  });
}

/** Lets someone choose files, or a folder. */
export function choose(
  kind: 'pictures' | 'folder' | 'weights' | 'text',
  take: (found: FoundFile[]) => void,
) {
  const input = element('file', HTMLInputElement);
  input.value = '';
  const weights = '.safetensors,.pth,.pt,.bin';
  input.accept = { pictures: 'image/*', folder: '', weights, text: 'text/*' }[kind];
  input.webkitdirectory = kind === 'folder';
  input.multiple = kind === 'pictures' || kind === 'folder';
  input.onchange = () => {
    take(
      Array.from(input.files ?? [], (file) => {
        const folder = file.webkitRelativePath.split('/').at(-2);
        return folder === undefined ? { file } : { file, folder };
      }),
    );
  };
  input.click();
}
