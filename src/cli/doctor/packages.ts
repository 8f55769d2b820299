/** Which packages of tfjs are installed, and what is the matter with them: read from their files, not loaded. */
import { accessSync, constants, existsSync, readFileSync, realpathSync, statSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname } from 'node:path';

import { twoCopies } from '../../common/copies';
import type { DoctorFinding } from '../../doctor/report';
import { defaultCacheDir } from '../../download/node_store';

const CORE = '@tensorflow/tfjs-core';

const NAMES = [
  CORE,
  '@tensorflow/tfjs-layers',
  '@tensorflow/tfjs',
  '@tensorflow/tfjs-node-gpu',
  '@tensorflow/tfjs-node',
  '@tensorflow/tfjs-backend-webgpu',
  '@tensorflow/tfjs-backend-wasm',
  '@tensorflow/tfjs-backend-cpu',
  'webgpu',
];

/** The first Node without the functions that tfjs-node 4.22 calls. */
const TOO_NEW = 23;

/** A package as it is found from some file. */
interface Installed {
  name: string;
  version: string;
  /** Its `package.json`. */
  manifest: string;
}

/** Finds a package as `import` does, also one that hides its `package.json`. */
function find(name: string, from: string): Installed | null {
  const folders = createRequire(from).resolve.paths(name) ?? [];
  const manifest = folders.map((folder) => `${folder}/${name}/package.json`).find(existsSync);
  if (manifest === undefined) return null;
  const { version } = JSON.parse(readFileSync(manifest, 'utf8')) as { version: string };
  return { name, version, manifest: realpathSync(manifest) };
}

/** What is told of the packages that a file of `from`'s folder finds. */
export function packageFindings(from: string, nodeVersion = process.version): DoctorFinding[] {
  const installed = NAMES.flatMap((name) => find(name, from) ?? []);
  const core = installed.find(({ name }) => name === CORE);
  const findings: DoctorFinding[] = [];
  for (const { name, version, manifest } of installed) {
    if (name === CORE || !name.startsWith('@')) continue;
    const own = find(CORE, manifest);
    if (own && core && own.manifest !== core.manifest) {
      const text = twoCopies(
        `${name} ${version} uses ${CORE} ${own.version} in ${dirname(own.manifest)}, tfjs-revcol ` +
          `${core.version} in ${dirname(core.manifest)}`,
      );
      findings.push({ kind: 'wrong', code: 'two-copies', text: text.replace(/\.$/, '') });
    } else if (core && version !== core.version) {
      findings.push({
        kind: 'note',
        code: 'versions',
        text: `${name} is ${version}, ${CORE} is ${core.version}`,
        advice: 'install all packages of tfjs in one version',
      });
    }
  }
  const node = installed.find(({ name }) => /tfjs-node(-gpu)?$/.test(name));
  if (node && Number(nodeVersion.replace(/^v(\d+).*/, '$1')) >= TOO_NEW) {
    findings.push({
      kind: 'limit',
      code: 'node-too-new',
      text: `${node.name} ${node.version} calls functions that Node ${nodeVersion} no longer has`,
      advice: 'use Node 20 or 22, or backend wasm',
    });
  }
  return findings;
}

/** Whether downloads can be kept. */
export async function cacheFindings(): Promise<DoctorFinding[]> {
  const folder = await defaultCacheDir();
  let there = folder;
  while (!existsSync(there) && dirname(there) !== there) there = dirname(there);
  try {
    accessSync(there, constants.W_OK);
    if (!statSync(there).isDirectory()) throw new Error('a file is in the way');
    return [];
  } catch {
    return [
      {
        kind: 'limit',
        code: 'cache-read-only',
        text: `published weights cannot be kept: there is no writing to ${folder}`,
        advice:
          'name another folder in the environment variable TFJS_REVCOL_CACHE, or by --cache-dir',
      },
    ];
  }
}
