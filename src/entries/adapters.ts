/** tfjs-revcol/adapters: low-rank adapters. Registers nothing. */
export * from '../public/adapters';
