/** What the program itself brings along, whatever backend it uses: versions, copies of tfjs, gradients. */
import * as tf from '@tensorflow/tfjs-core';
import * as tfl from '@tensorflow/tfjs-layers';

import { version } from '../../package.json';
import { secondCore, twoCopies } from '../common/copies';
import { nodeBuiltin, nodeVersion, runsInNode } from '../common/node';
import { secondLayers } from '../layers/base/copies';
import type { DoctorFinding, DoctorReport } from './report';

export { version };

/** Versions, and where this runs. */
export async function surroundingFacts(): Promise<DoctorReport['facts']> {
  const versions = {
    'tfjs-revcol': version,
    'tfjs-core': tf.version_core,
    'tfjs-layers': tfl.version_layers,
  };
  if (runsInNode()) {
    const os = await nodeBuiltin('os');
    return {
      runtime: 'Node',
      nodeVersion: nodeVersion() ?? null,
      ...versions,
      system: `${os.type()} ${os.release()} ${os.arch()}`,
      processor: os.cpus()[0]?.model.trim() ?? null,
      processorThreads: os.availableParallelism(),
      memoryBytes: os.totalmem(),
    };
  }
  const { navigator } = globalThis;
  return {
    runtime: typeof document === 'undefined' ? 'worker' : 'page',
    browser: navigator?.userAgent ?? null,
    ...versions,
    processorThreads: navigator?.hardwareConcurrency ?? null,
    isolated: globalThis.crossOriginIsolated ?? false,
    secure: globalThis.isSecureContext ?? false,
  };
}

/** What is the matter with them. */
export function surroundingFindings(): DoctorFinding[] {
  const findings: DoctorFinding[] = [];
  for (const copies of [secondCore(), secondLayers()]) {
    if (!copies) continue;
    findings.push({ kind: 'wrong', code: 'two-copies', text: twoCopies(copies) });
  }
  if (tf.getGradient('Square') == null) {
    findings.push({
      kind: 'note',
      code: 'no-gradients',
      text:
        "tfjs's gradients are not loaded. This package's layers bring their own, and train; layers and losses of " +
        'tfjs and of your own do not',
      advice: "import '@tensorflow/tfjs' in the program, which brings them",
    });
  }
  return findings;
}
