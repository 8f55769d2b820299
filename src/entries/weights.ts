/** tfjs-revcol/weights: checkpoints and published weights. Registers nothing. */
export * from '../public/weights';
