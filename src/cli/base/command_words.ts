/** Messages of the package's functions in the words of whoever types commands. */
import { shown } from '../../common/arguments';
import { FUNCTION_NAMES } from './function_names';

/** What may be a function of the package that says what is wrong. Whoever typed a command has called none of them. */
const OWNER = /^([a-z][A-Za-z0-9]*): /;
/** Those of one word that commands call. */
const ONE_WORD = ['detect', 'evaluate', 'segment'];

/** What the system's short names of failures mean to whoever gave the path. */
const FAILURES: Readonly<Record<string, string>> = {
  ENOENT: 'there is no such file or folder',
  EISDIR: 'it is a folder; a file is expected',
  ENOTDIR: 'a part of the path is a file; a folder is expected',
  EACCES: 'there is no permission for it; give another place, or change its permissions',
  EPERM: 'the system does not allow it; give another place, or change its permissions',
  ENAMETOOLONG: 'the name is too long; give a shorter one',
  ENOSPC: 'the disk is full; make room, or give another place',
  EROFS: 'the disk is read-only; give another place',
};

/** A path in quotes, which may have apostrophes of its own: the last one has the end of a word behind it. */
const QUOTED = /'(?:[^']|'(?![;,.:)\s]|$))*'/.source;
/** What the system says: a code, what it means, the call that failed, and mostly its paths. */
const SYSTEM = new RegExp(
  `\\b(E[A-Z]+): [a-z][a-z -]*, [a-z]+(?: ${QUOTED})?(?: -> ${QUOTED})?`,
  'g',
);

/** What functions advise, and the same by commands and their options. */
const ADVICE: readonly (readonly [RegExp | string, string])[] = [
  ['listModels() gives all of them', 'tfjs-revcol models lists all of them'],
  [/segmentationWeights\('\S+'\) gives its record/, 'the command segment takes it'],
  [
    /textWeights\('\S+'\) gives its record/,
    'this command takes pictures; in a program preprocessTexts makes the input of texts (docs/models.md)',
  ],
  [/detectionWeights\('\S+'\) gives its record/, 'the command detect takes it'],
  [
    'is loaded by tf.loadLayersModel(fileSystem(folder)) of tfjs-revcol/node',
    'is what classify, evaluate and segment take as --weights',
  ],
  ['say which by split: ', 'say which by --split '],
  [/, take the folder away, or give classNames, .*$/, ' or take the folder away'],
  ['give classNames, the names of its classes', 'give by --labels the names of its classes'],
  ["onError: 'skip', on the command line --skip-broken", '--skip-broken'],
  ['say by mapSuffix what', 'say by --map-suffix what'],
  ['Give more pictures, or validation: 0', 'Give more pictures'],
  [
    /make it with numClasses: \d+, or give its name, so that it is made here/,
    'give a published model or a checkpoint, whose logits are made for them',
  ],
  [/^cropSize is /, '--input-size is '],
  [/^longSide is /, '--long-side is '],
  [/^(memory|augment) is /, '--$1 is '],
  ['give masks: false to learn boxes alone', 'give each object polygons or run lengths'],
  ['or leave train out, so', 'or leave --head-only and --adapters out, so'],
  [/set reduceZeroLabel(?:: true)?/, 'give --reduce-zero-label'],
  ['begin again with learningRate ', 'begin again with --learning-rate '],
  [/begin again with headLearningRate (\S+)/, 'begin again with --head-only --learning-rate $1'],
  ['pass one of these as prefix:', 'pass one of these as --prefix:'],
];

/** What was thrown, as the command says it. */
export function inCommandWords(error: unknown, args: readonly string[]): string {
  const { path } = (error ?? {}) as NodeJS.ErrnoException;
  const message = withoutPaths(textOf(error), error);
  const owner = OWNER.exec(message)?.[1] ?? '';
  const isFunction = FUNCTION_NAMES.has(owner) || ONE_WORD.includes(owner);
  // A file may be named like a function.
  const isOwner = isFunction && !args.includes(owner);
  const told = (isOwner ? message.slice(owner.length + 2) : message).replace(
    SYSTEM,
    (whole: string, code: string, at: number) => {
      const words = FAILURES[code];
      if (words === undefined) return whole;
      return at === 0 ? `${path ?? 'a file that was given'}: ${words}` : words;
    },
  );
  return ADVICE.reduce<string>((text, [advice, instead]) => text.replace(advice, instead), told);
}

/** What was thrown may be anything: libraries throw texts, and errors that say nothing. */
function textOf(error: unknown): string {
  if (typeof error === 'string' && error !== '') return error;
  const { message, code, name } = (error ?? {}) as Partial<
    Record<keyof NodeJS.ErrnoException, unknown>
  >;
  if (typeof message === 'string' && message !== '') return message;
  const known = [code, name].filter((part) => typeof part === 'string' && part !== '');
  return `failed without a message: ${known.length > 0 ? known.join(', ') : shown(error)}`;
}

/** Empties the quotes around the paths that an error of the system, or of its causes, has in its message. */
function withoutPaths(message: string, error: unknown): string {
  let text = message;
  let [at, depth] = [error, 0];
  // A cause may be its own cause.
  for (; typeof at === 'object' && at !== null && depth < 8; depth++) {
    const { path, dest, syscall, cause } = at as NodeJS.ErrnoException & { dest?: unknown };
    if (typeof path === 'string' && typeof syscall === 'string') {
      const to = typeof dest === 'string' ? ` -> '${dest}'` : '';
      text = text.replaceAll(`, ${syscall} '${path}'${to}`, `, ${syscall}`);
    }
    at = cause;
  }
  return text;
}
