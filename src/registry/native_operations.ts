/** Which path backend 'tensorflow' takes, for whoever asks: users, the command line, benchmarks. */
export {
  libraryName,
  type NativeOperations,
  nativeOperations,
} from '../ops/kernels/tensorflow/library';
