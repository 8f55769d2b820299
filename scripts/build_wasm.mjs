/**
 * Compiles the kernels of src/ops/kernels/wasm/assembly (AssemblyScript) to src/ops/kernels/simd_binary.ts, which
 * holds them as base64 and is committed, so that building the package needs no assembler.
 *
 *   node scripts/build_wasm.mjs          writes the file
 *   node scripts/build_wasm.mjs --check  exits with 1 when the file is not what the sources give
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import asc from 'assemblyscript/asc';

const root = new URL('..', import.meta.url);
const target = new URL('src/ops/kernels/simd_binary.ts', root);

/** The memory import is declared with this maximum, that of the WebAssembly memory of tfjs. */
const MAXIMUM_PAGES = 65536;

async function compile(features) {
  let binary;
  const { error, stderr } = await asc.main(
    [
      'src/ops/kernels/wasm/assembly/index.ts',
      ...['-O3', '--noAssert', '--runtime', 'stub'],
      ...['--importMemory', '--noExportMemory', '--maximumMemory', String(MAXIMUM_PAGES)],
      // 112: v128 in the signature of a function that another file of the module imports.
      ...['--disableWarning', '112'],
      ...features.flatMap((feature) => ['--enable', feature]),
      ...['--outFile', 'kernels.wasm'],
    ],
    {
      readFile(name) {
        try {
          return readFileSync(new URL(name, root), 'utf8');
        } catch {
          return null;
        }
      },
      writeFile(name, contents) {
        if (name === 'kernels.wasm') binary = contents;
      },
    },
  );
  if (error) throw new Error(`${error.message}\n${stderr.toString()}`);
  return Buffer.from(binary);
}

/** Index of the limits flag of the memory import: 1 there means "has a maximum", 3 "and is shared". */
function memoryFlagIndex(binary) {
  const entry = Buffer.from([3, ...Buffer.from('env'), 6, ...Buffer.from('memory'), 2]);
  const at = binary.indexOf(entry);
  const index = at + entry.length;
  if (at < 0 || binary.indexOf(entry, index) >= 0 || binary[index] !== 1) {
    throw new Error('build_wasm: the binary has no single memory import with a maximum');
  }
  return index;
}

function render(name, comment, binary) {
  return (
    `\n/** ${comment} */\n` +
    `export const ${name}: KernelBinary = {\n` +
    `  memoryFlagIndex: ${memoryFlagIndex(binary)},\n` +
    `  base64:\n    '${binary.toString('base64')}',\n};\n`
  );
}

const simd = await compile(['simd']);
const relaxed = await compile(['simd', 'relaxed-simd']);
const source =
  '/** The compiled kernels; scripts/build_wasm.mjs makes this file of assembly/, so do not edit it. */\n\n' +
  '/** A WebAssembly module that imports its memory as env.memory. */\n' +
  'export interface KernelBinary {\n' +
  '  /** Index of the limits flag of the memory import; 3 there asks for a shared memory. */\n' +
  '  memoryFlagIndex: number;\n' +
  '  /** The module. */\n' +
  '  base64: string;\n' +
  '}\n' +
  render('SIMD_BINARY', 'Kernels for WebAssembly SIMD.', simd) +
  render('RELAXED_BINARY', 'The same with fused multiply-add (relaxed SIMD).', relaxed);

if (process.argv.includes('--check')) {
  if (readFileSync(target, 'utf8') !== source) {
    console.error('src/ops/kernels/simd_binary.ts is out of date: run node scripts/build_wasm.mjs');
    process.exitCode = 1;
  }
} else {
  writeFileSync(target, source);
  console.log(
    `${fileURLToPath(target)}: ${simd.length} bytes SIMD, ${relaxed.length} bytes relaxed SIMD`,
  );
}
