/** Factories of all layers, in the manner of `tf.layers.*`. */
export * from './columns/factories';
export * from './dense/factories';
export * from './detection/factories';
export * from './transformer/factories';
