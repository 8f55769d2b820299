/** Messages of the package's functions in the words of whoever types commands. */

/** The functions that commands are made of. Whoever typed a command has called none of them. */
const OWNERS =
  /^(createModel|cocoFolder|detectionTransform|detectionWeights|evaluate(Segmenter|Detector)?|fetchPretrained|fineTune(Segmenter|Detector)?|parseCoco|imageFolder|loadCheckpoint|memoryPlan|pretrainedWeights|segment|segmentationFolder|segmentationTransform|segmentationWeights): /;

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
  [/^memory is /, '--memory is '],
  ['or leave train out, so', 'or leave --head-only and --adapters out, so'],
  ['begin again with learningRate ', 'begin again with --learning-rate '],
  [/begin again with headLearningRate (\S+)/, 'begin again with --head-only --learning-rate $1'],
  ['pass one of these as prefix:', 'pass one of these as --prefix:'],
];

/** The message of a function that a command has called, as the command says it. */
export function inCommandWords(message: string): string {
  return ADVICE.reduce<string>(
    (text, [advice, instead]) => text.replace(advice, instead),
    message.replace(OWNERS, ''),
  );
}
