/** What tfjs-revcol/text exports: texts as ids, choosing tokens, and scoring translations. */
export type { DecodeOptions, Decoded, StepModel } from '../text/step_model';
export { greedySearch, type SequentialOptions } from '../text/decode_greedy';
export { sampleTokens, type SamplingOptions } from '../text/decode_sampling';
export { beamSearch, type BeamOptions, type Hypothesis } from '../text/decode_beam';
export { corpusBleu, type BleuScore } from '../text/bleu';
export { KeyValueCache } from '../ops/attention/cache';
export { preprocessTexts } from '../text/preprocess_texts';
export { trigramIds, type TrigramOptions } from '../text/trigram_ids';
