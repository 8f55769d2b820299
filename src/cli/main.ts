#!/usr/bin/env node
/** Entry point of the command `tfjs-revcol`. */
import { run } from './program';

// Whoever reads the output may have enough of it: `tfjs-revcol inspect FILE | head`.
for (const stream of [process.stdout, process.stderr]) {
  stream.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error;
    process.exit();
  });
}

void run(process.argv.slice(2)).then((status) => {
  process.exitCode = status;
});
