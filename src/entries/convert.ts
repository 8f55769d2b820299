/** tfjs-revcol/convert: from checkpoints to saved tfjs models. Registers nothing. */
export * from '../public/convert';
