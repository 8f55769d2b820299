/** tfjs-revcol/analysis: what the features of a network know. Registers nothing. */
export * from '../public/analysis';
