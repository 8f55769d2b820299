/** tfjs-revcol/text: texts as ids, choosing tokens, and scoring translations. Registers nothing. */
export * from '../public/text';
