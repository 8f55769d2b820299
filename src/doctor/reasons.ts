/** What errors of tfjs, of backends and of engines mean to whoever wants to compute: a sentence and an advice. */
import { messageOf } from '../common/messages';
import type { DoctorFinding } from './report';

interface Reason {
  /** Code of the finding. */
  code: string;
  /** What errors of this kind say. */
  says: RegExp;
  /** Of one backend only. */
  backend?: string;
  text: string;
  advice: string;
}

const DEVICE_ADVICE =
  'close other programs that use the graphics card, update its driver, and try again; train with ' +
  'recoverableTraining, which goes on after a loss';

/** Words of errors, the particular before the general. */
const REASONS: readonly Reason[] = [
  {
    code: 'device-lost',
    says: /^BackendLostError|has lost its device|device (is|was) lost|context lost|CONTEXT_LOST/i,
    text: 'the graphics device was lost in the middle: the driver crashed, or the system took it away',
    advice: DEVICE_ADVICE,
  },
  {
    code: 'wasm-threads-blocked',
    says: /^TimeLimitError/,
    backend: 'wasm',
    text:
      'it did not answer: in an isolated page tfjs starts its threads from blob: addresses, and waits for ever ' +
      'where the content security policy forbids them',
    advice:
      "allow blob: in script-src and worker-src, or call tf.env().set('WASM_HAS_MULTITHREAD_SUPPORT', false) " +
      'before tf.setBackend',
  },
  {
    code: 'no-answer',
    says: /^TimeLimitError/,
    text: 'it did not answer: the driver hangs, or the device is far too slow',
    advice: DEVICE_ADVICE,
  },
  {
    code: 'out-of-memory',
    says: /out of (device )?memory|\bOOM\b|allocation (failed|size)|cannot enlarge memory|bad_alloc|bytes of scratch memory|memory access out of bounds|resource ?exhausted|Invalid (typed )?array (buffer )?length|buffer.*exceeds.*(size|limit)|texture.*too (large|big)|greater than.*maximum on this/i,
    text: 'there was not enough memory, although the networks that were tried are small',
    advice: 'close other programs and pages, and try again',
  },
  {
    code: 'no-adapter',
    says: /reading 'features'|null is not an object.*features|no adapter|requestAdapter|adapter is null/i,
    backend: 'webgpu',
    text: 'webgpu found no adapter: no graphics card with a driver that it can use',
    advice:
      'install the driver of the graphics card, on Linux also the Vulkan loader (libvulkan1); in a browser ' +
      'switch hardware acceleration on. Without a graphics card use wasm',
  },
  {
    code: 'no-webgl',
    says: /webgl.*(not supported|is not available|disabled)|WebGL \d|creating a.*context|OffscreenCanvas is not defined/i,
    backend: 'webgl',
    text: 'this browser gives no webgl context: graphics acceleration is off, or the driver is on its block list',
    advice: 'switch hardware acceleration on in its settings, or use wasm',
  },
  {
    code: 'wasm-forbidden',
    says: /unsafe-eval|Content Security Policy|code generation disallowed|WebAssembly is not (defined|supported)|Can't find variable: WebAssembly|blocked by CSP/i,
    text: 'WebAssembly is forbidden here',
    advice:
      "add 'wasm-unsafe-eval' to script-src of the page's content security policy; in Node leave --jitless out",
  },
  {
    code: 'wasm-files',
    says: /fetch|404|magic word|CompileError|both async and sync|not found|ENOENT|XMLHttpRequest|NetworkError|Load failed/i,
    backend: 'wasm',
    text: 'the files tfjs-backend-wasm*.wasm could not be loaded: without setWasmPaths they are looked for beside the page',
    advice:
      "serve the three files of node_modules/@tensorflow/tfjs-backend-wasm/dist from one folder, and call setWasmPaths('/folder/'), " +
      'with the slash at its end, before tf.setBackend',
  },
  {
    code: 'node-too-new',
    says: /util(_\d+)?\.(is[A-Z]\w+|_extend) is not a function|isNullOrUndefined/,
    text: 'this version of Node lacks functions that tfjs-node 4.22 calls: they were removed in Node 23',
    advice: 'use Node 20 or 22, or backend wasm',
  },
  {
    code: 'no-addon',
    says: /tfjs_binding\.node|native addon/i,
    text: 'the native part of tfjs-node is not there: its download failed, or npm ran without scripts',
    advice:
      'run npm rebuild @tensorflow/tfjs-node --build-addon-from-source (or tfjs-node-gpu); docs/native.md builds it for ' +
      'a current TensorFlow',
  },
  {
    code: 'addon-libraries',
    says: /libtensorflow|shared object|GLIBC|\.dylib|dlopen|specified module could not be found|invalid ELF/i,
    text: 'the native part of tfjs-node does not load: a library that it needs is missing or of another version',
    advice: 'install it again on this machine; docs/native.md builds it for a current TensorFlow',
  },
  {
    code: 'no-gradients',
    says: /gradient function not found/i,
    text: "tfjs's gradients are not loaded: @tensorflow/tfjs-core alone registers none",
    advice: "import '@tensorflow/tfjs' in the program",
  },
  {
    code: 'no-kernel',
    says: /Kernel '?\w+'? not registered/i,
    text: 'the backend lacks an operation',
    advice:
      'import the whole backend package, in the version of tfjs-core, and tfjs-revcol after it',
  },
  {
    code: 'half-precision',
    says: /16.bit/i,
    text: 'its textures have 16 bits, with which reversible training and AdamW do not work',
    advice: "train on wasm: await tf.setBackend('wasm')",
  },
];

/** The first line of what was thrown, without where in the code. */
function firstLine(error: unknown): string {
  return (messageOf(error).split('\n')[0] ?? '').trim().replace(/\.$/, '') || 'it gives no reason';
}

/**
 * What an error means, as a finding.
 *
 * @param during what was being done, for example `'starting'`
 */
export function explain(error: unknown, backend: string, during: string): DoctorFinding {
  const { name = '' } = (error ?? {}) as { name?: string };
  const words = `${name}: ${messageOf(error)}`;
  const reason = REASONS.find((r) => r.says.test(words) && (r.backend ?? backend) === backend);
  if (reason) {
    const { code, text, advice } = reason;
    return { kind: 'wrong', code, text: `${backend} failed while ${during}: ${text}`, advice };
  }
  return {
    kind: 'wrong',
    code: 'failure',
    text: `${backend} failed while ${during}: ${firstLine(error)}`,
    advice:
      'use another backend, and report this with the whole output of tfjs-revcol doctor --json',
  };
}

/** Whether nothing that comes after can succeed. */
export function isFatal({ code }: DoctorFinding): boolean {
  return ['device-lost', 'no-answer', 'wasm-threads-blocked', 'out-of-memory'].includes(code);
}
