/** What tfjs-revcol/analysis exports: what features know, by linear CKA. */
export { columnCKA, type ColumnCKA, type ColumnCKAOptions } from '../analysis/column_cka';
export {
  columnFeatures,
  type ColumnFeatures,
  type ColumnFeaturesOptions,
  type ColumnLevel,
} from '../analysis/column_features';
export { linearCKA, type LinearCKAOptions } from '../analysis/linear_cka';
export { MinibatchCKA, type NamedFeatures, type Similarities } from '../analysis/minibatch_cka';
