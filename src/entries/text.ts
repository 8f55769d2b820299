/** tfjs-revcol/text: choosing tokens, and scoring translations. Registers nothing. */
export * from '../public/text';
