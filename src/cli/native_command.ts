/** `tfjs-revcol native`: builds the library of TensorFlow operations, and says whether it is used. */
import type { Command } from 'commander';

import { nativeOperations } from '../registry/native_operations';
import { activateBackend } from './base/backend';
import type { Terminal } from './base/terminal';
import { bytesText } from './base/text';
import { buildNative, type NativeBuild } from './native_build';

interface NativeOptions extends Pick<NativeBuild, 'out' | 'compiler'> {
  check?: boolean;
  static?: boolean;
}

/** What lets a library run where there is no C++ library, or another. */
const STATIC = ['-static-libstdc++', '-static-libgcc'];

export function addNativeCommand(program: Command, terminal: Terminal): void {
  program
    .command('native')
    .description(
      'build the library that makes backend tensorflow faster on CPUs (Linux, needs a C++ compiler)',
    )
    .option('--out <file>', 'where to write it; default: where the package looks for it')
    .option('--compiler <command>', 'C++ compiler; default: $CXX, else g++ or clang++')
    .option('--static', 'link the C++ library in, for other machines; they need no older glibc')
    .option('--check', 'build nothing, and say whether the library is used')
    .addHelpText(
      'after',
      `
Examples:
  $ tfjs-revcol native
  $ tfjs-revcol native --check`,
    )
    .action(async ({ check, static: isStatic, ...options }: NativeOptions) => {
      if (!check) {
        const link = isStatic ? STATIC : [];
        const { file, compiler, bytes } = await buildNative({ ...options, link });
        terminal.out(`built ${file} with ${compiler}, ${bytesText(bytes)}\n`);
        if (options.out !== undefined) {
          terminal.out(`name it in the environment: REVCOL_NATIVE=${file}\n`);
          return;
        }
      }
      terminal.out(`${await stateInWords()}\n`);
    });
}

async function stateInWords(): Promise<string> {
  try {
    // The library is for this backend alone.
    await activateBackend('tensorflow', undefined, '');
  } catch (error) {
    return `not tried: ${(error as Error).message}`;
  }
  const state = nativeOperations();
  if (!state.on) return `not used: ${state.reason}`;
  const { instructions, threads } = state;
  return `in use on backend tensorflow: ${instructions}, ${threads} thread${threads === 1 ? '' : 's'}`;
}
