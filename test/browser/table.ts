/** Which files of the shared tests run in pages, and in which. */
import * as fs from 'node:fs';
import * as path from 'node:path';

const TESTS = path.resolve(import.meta.dirname, '..');

/** Rooms whose tests all run in pages, but for those of `ONLY_IN_NODE`. */
const ROOMS = ['ops', 'layers', 'models', 'training'];

/** Tests of other rooms that use a backend. */
const OTHERS = ['weights/parity', 'text/decode'];

/** What needs Node, and why. */
const ONLY_IN_NODE: Readonly<Record<string, string>> = {
  'models/create_pretrained': 'serves files over HTTP; browser.test.ts downloads in a page',
  'models/saving': 'saves to files',
  'ops/structure': 'reads the sources',
  'training/adamw_saving': 'saves to files',
  'training/adamw_v0_1_0': 'loads from files',
};

function filesIn(room: string): string[] {
  return fs
    .readdirSync(path.join(TESTS, room), { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.test.ts'))
    .map((file) => `${room}/${file.slice(0, -'.test.ts'.length).split(path.sep).join('/')}`)
    .filter((file) => !Object.hasOwn(ONLY_IN_NODE, file))
    .sort();
}

/** All shared tests that can run in a page. */
export const FILES: readonly string[] = [...ROOMS.flatMap(filesIn), ...OTHERS];
