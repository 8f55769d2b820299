/** Pickles, without what PyTorch makes of them. */
import { readPickle } from '../../src/weights/pickle/pickle';
import type { PickleValue } from '../../src/weights/pickle/values';
import { pickleJson } from './pickle_json';
import { type FuzzTarget, isCheckpointError } from './target';

const HOOKS = {
  persistent: (args: PickleValue): PickleValue => ({
    ...{ kind: 'opaque', module: 'persistent', name: 'id' },
    args: [args],
  }),
  build: () => undefined,
};

export const target: FuzzTarget = {
  file: (input) => input,
  read: async (file) => pickleJson(readPickle(file, HOOKS).value),
  isRefusal: isCheckpointError,
};
