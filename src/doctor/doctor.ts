/** Tells what works here, how fast, and what is wrong. */
import * as tf from '@tensorflow/tfjs-core';

import { requireFunction, requireList, requireOneOf } from '../common/arguments';
import { runsInNode } from '../common/node';
import { type OptionNames, requireOptions } from '../common/options';
import { KNOWN_BACKENDS } from './backends/index';
import { type DoctorProgress, examine } from './examine';
import { adviseInsteadOfCpu } from './instead_of_cpu';
import { blankBackend, type DoctorBackend, type DoctorReport } from './report';
import { currentBackend } from './start';
import { surroundingFacts, surroundingFindings, version } from './surroundings';
import { verdictOf } from './verdict';

/** Options of `doctor`. */
export interface DoctorOptions {
  /**
   * Names of backends to examine, `'webgl'`, `'wasm'`, `'webgpu'`, `'tensorflow'`, `'cpu'`. Default: all that can be
   * where the program runs, those that it has not imported as absent.
   */
  backends?: readonly string[];
  /** Whether to plan, too, which published sizes can be trained; takes some seconds more. Default false. */
  full?: boolean;
  /** Told before everything that is done. */
  onProgress?: (progress: DoctorProgress) => void;
}

const OPTIONS: OptionNames<DoctorOptions> = { backends: true, full: true, onProgress: true };
const OWNER = 'doctor';

/**
 * Examines every backend that the program has imported: compares outputs, gradients in both modes and a step of AdamW
 * with known values, times a small training step, measures its memory by columns, and tells in words what is wrong,
 * what is slow, why, and what to do. Nothing is sent anywhere, nothing is written. Takes some seconds on each backend, in
 * software renderers a minute.
 *
 * Nothing else may compute meanwhile: it switches backends. The one that was in use is so again afterwards, and no
 * tensor is left.
 *
 * @returns what was found; faults of backends are in it, and do not throw
 * @throws {Error} as a rejection, when an option is unknown or not what it must be
 *
 * @example
 * console.log(doctorText(await doctor()));
 */
export async function doctor(options: DoctorOptions = {}): Promise<DoctorReport> {
  requireOptions(OWNER, options, OPTIONS);
  const { backends, full = false, onProgress = () => undefined } = options;
  requireFunction(OWNER, 'onProgress', onProgress);
  const known = Object.keys(KNOWN_BACKENDS);
  if (backends !== undefined) {
    requireList(OWNER, 'backends', backends, "names, such as ['wasm']");
    backends.forEach((name) => requireOneOf(OWNER, 'backends', name, known));
  }
  const here = runsInNode() ? 'node' : 'page';
  const names = backends ?? known.filter((name) => KNOWN_BACKENDS[name]?.runsIn.includes(here));
  const before = currentBackend();
  const examined: DoctorBackend[] = [];
  try {
    for (const name of names) {
      const isThere = tf.findBackendFactory(name) != null;
      examined.push(isThere ? await examine(name, { full, onProgress }) : absent(name));
    }
  } finally {
    if (before !== undefined && before !== currentBackend()) await tf.setBackend(before);
  }
  return makeReport(examined, await surroundingFacts());
}

/** The report on some backends. */
export function makeReport(
  backends: DoctorBackend[],
  facts: DoctorReport['facts'],
  findings = surroundingFindings(),
): DoctorReport {
  const outcome = verdictOf(backends, findings);
  return {
    schema: 1,
    version,
    date: new Date().toISOString(),
    ...outcome,
    facts,
    findings,
    backends: adviseInsteadOfCpu(backends, outcome.fastest),
  };
}

/** A backend that the program has not imported, or cannot. */
function absent(name: string): DoctorBackend {
  const report = blankBackend(name, 'absent');
  const specifier = KNOWN_BACKENDS[name]?.package;
  const hasGpu = 'gpu' in (globalThis.navigator ?? {});
  if (name === 'webgpu' && !hasGpu) {
    report.findings.push({
      kind: 'note',
      code: 'no-webgpu',
      text: runsInNode()
        ? 'webgpu is not here: Node needs the package webgpu for it'
        : 'webgpu is not here: the browser has none, or the page is not served over https or from localhost',
    });
    return report;
  }
  report.findings.push({
    kind: 'note',
    code: 'not-imported',
    text: `${name} was not imported`,
    advice: `import '${specifier}' before, to examine it`,
  });
  return report;
}
