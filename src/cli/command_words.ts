/** Messages of the package's functions in the words of whoever types commands. */

/**
 * A function of the package that says what is wrong. Whoever typed a command has called none of them. Those of one
 * word are the ones that commands call.
 */
const OWNER = /^([a-z]+(?:[A-Z][A-Za-z0-9]*)+|detect|evaluate|segment): /;

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

/** What the system says: a code, what it means, the call that failed, and mostly its paths. */
const SYSTEM = /\b(E[A-Z]+): [a-z][a-z -]*, [a-z]+(?: '[^']*')?(?: -> '[^']*')?/g;

/** What functions advise, and the same by commands and their options. */
const ADVICE: readonly (readonly [RegExp | string, string])[] = [
  ['listModels() gives all of them', 'tfjs-revcol models lists all of them'],
  [/segmentationWeights\('\S+'\) gives its record/, 'the command segment takes it'],
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
  ['or leave train out, so', 'or leave --head-only and --adapters out, so'],
  ['begin again with learningRate ', 'begin again with --learning-rate '],
  [/begin again with headLearningRate (\S+)/, 'begin again with --head-only --learning-rate $1'],
  ['pass one of these as prefix:', 'pass one of these as --prefix:'],
];

/** What was thrown, as the command says it. */
export function inCommandWords(error: unknown, args: readonly string[]): string {
  const { message, path } = error as NodeJS.ErrnoException;
  // A file may be named like a function.
  const owner = OWNER.exec(message)?.[1];
  const isOwner = owner !== undefined && !args.includes(owner);
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
