/** Writes a file of many tensors, slowly, until it is interrupted. Prints a line once it has begun. */
import { interruptible } from '../../src/cli/base/interrupt';
import { writeSafetensors } from '../../src/weights/safetensors/writer';

const [file = ''] = process.argv.slice(2);
const tensors = Array.from({ length: 2000 }, (_, i) => ({
  name: `t${i}`,
  shape: [1],
  read: async () => {
    if (i === 1) process.stdout.write('begun\n');
    await new Promise((resolve) => setTimeout(resolve, 20));
    return Float32Array.of(i);
  },
}));

void interruptible((signal) => writeSafetensors(tensors, file, { signal })).catch(() => undefined);
