#!/usr/bin/env node
/** Entry point of the command `tfjs-revcol`. */
import { run } from './program';

void run(process.argv.slice(2)).then((status) => {
  process.exitCode = status;
});
