/** Examines one backend: starts it, checks it, measures. Whatever fails becomes a finding. */

import { KNOWN_BACKENDS } from './backends/index';
import { ownKernels } from './backends/kernels';
import { CHECKS } from './checks/index';
import { ALL_ZERO } from './compare';
import { fitsWithin, memoryLimit } from './fits';
import { timeStep, weighColumns } from './measure';
import { explain, isFatal } from './reasons';
import { blankBackend, type DoctorBackend, type DoctorCheck } from './report';
import { leavingNothing } from './scope';
import { onDevice, startBackend } from './start';
import { withTimeLimit } from './time_limit';

/** Seconds that a single check or measurement may take: software renderers compile slowly. */
const STEP_LIMIT = 300;

/** How far an examination is. */
export interface DoctorProgress {
  backend: string;
  /** What is being done now, for example `'starting'`. */
  doing: string;
  done: number;
  total: number;
}

/** How a backend is examined. */
export interface ExamineOptions {
  full: boolean;
  /** Whether it is timed and weighed, too. Default true. */
  measures?: boolean;
  onProgress: (progress: DoctorProgress) => void;
}

/** What is done after the checks, by what it is called. */
const MEASUREMENTS: readonly {
  doing: string;
  full: boolean;
  measure(report: DoctorBackend): Promise<void>;
}[] = [
  ...(['reversible', 'stored'] as const).map((backprop) => ({
    doing: `timing a ${backprop} step`,
    full: false,
    measure: async (report: DoctorBackend) => {
      report.steps.push(await timeStep(backprop));
    },
  })),
  ...(['reversible', 'stored'] as const).map((backprop) => ({
    doing: `measuring memory by columns, ${backprop}`,
    full: false,
    measure: async (report: DoctorBackend) => {
      report.memory.push(...(await weighColumns(backprop)));
    },
  })),
  {
    doing: 'planning the published sizes',
    full: true,
    measure: async (report) => {
      const limit = await memoryLimit(report.backend);
      if (limit === null) return;
      report.facts.memoryBytes = limit;
      report.fits.push(...fitsWithin(report.backend, limit));
    },
  },
];

/**
 * Examines a backend that has been imported, and leaves it the current one.
 *
 * @param name of the backend in tfjs
 * @returns never rejects: what goes wrong is told in the report
 */
export async function examine(
  name: string,
  { full, measures = true, onProgress }: ExamineOptions,
): Promise<DoctorBackend> {
  const report = blankBackend(name, 'works');
  const measurements = MEASUREMENTS.filter((one) => measures && (full || !one.full));
  const total = 1 + CHECKS.length + measurements.length;
  let done = 0;
  const begin = (doing: string) => onProgress({ backend: name, doing, done: done++, total });
  /** Whether to go on. */
  const attempt = async (doing: string, seconds: number, work: () => Promise<void>) => {
    begin(doing);
    try {
      await withTimeLimit(seconds, () => leavingNothing(work));
      return true;
    } catch (error) {
      const finding = explain(error, name, doing);
      report.findings.push(finding);
      report.state = 'fails';
      return !isFatal(finding);
    }
  };

  begin('starting');
  try {
    await startBackend(name);
  } catch (error) {
    report.state = 'fails';
    report.findings.push(explain(error, name, 'starting'));
    return report;
  }
  const known = KNOWN_BACKENDS[name];
  let goesOn = true;
  let trains = true;
  await onDevice(async () => {
    try {
      report.facts.ownKernels = ownKernels();
      const told = await known?.facts();
      Object.assign(report.facts, told?.facts);
      report.findings.push(...(told?.findings ?? []));
      trains = known?.trains?.() ?? true;
    } catch (error) {
      report.findings.push(explain(error, name, 'being asked what it is'));
    }
    for (const check of CHECKS) {
      const { name: checked } = check;
      const leftOut: DoctorCheck = { name: checked, state: 'left out', text: 'was not run' };
      if (!goesOn || (check.trains && !trains)) {
        report.checks.push(leftOut);
        continue;
      }
      goesOn = await attempt(`checking ${checked}`, STEP_LIMIT, async () => {
        report.checks.push(await check.run());
      });
      const { text = '' } = report.findings.at(-1) ?? {};
      if (report.checks.at(-1)?.name !== checked) {
        report.checks.push({ name: checked, state: 'failed', text });
      }
    }
    const isWrong = report.checks.some(({ state }) => state === 'failed');
    for (const { doing, measure } of measurements) {
      // Times and bytes of numbers that are wrong say nothing.
      if (goesOn && trains && !isWrong) {
        goesOn = await attempt(doing, STEP_LIMIT, () => measure(report));
      }
    }
  });
  judgeChecks(report);
  return report;
}

/** The state and the findings that follow from the checks. */
function judgeChecks(report: DoctorBackend): void {
  const { backend, checks, findings } = report;
  const failed = checks.filter(
    ({ state, error, limit }) => state === 'failed' && (error ?? limit) !== undefined,
  );
  const imprecise = checks.filter(({ state }) => state === 'imprecise');
  const names = (some: readonly DoctorCheck[]) =>
    some.map(({ name, text }) => `${name}: ${text}`).join('; ');
  if (failed.length > 0) {
    report.state = report.state === 'fails' ? 'fails' : 'wrong';
    const zeros = failed[0]?.text === ALL_ZERO;
    findings.push({
      kind: 'wrong',
      code: zeros ? 'zeros' : 'wrong-numbers',
      text: zeros
        ? `${backend} gives zeros: the driver computes nothing, or what it computed cannot be read`
        : `${backend} computes wrong numbers (${names(failed)})`,
      advice:
        'do not use this backend here; update the driver, the browser and all tfjs packages, and report it with the ' +
        'whole output of tfjs-revcol doctor --json',
    });
  } else if (imprecise.length > 0 && report.state === 'works') {
    report.state = 'imprecise';
    findings.push({
      kind: 'limit',
      code: 'imprecise',
      text: `${backend} computes with fewer digits than float32 has (${names(imprecise)})`,
      advice:
        'with TensorFlow on a graphics card set NVIDIA_TF32_OVERRIDE=0; on webgl train on wasm instead; inference ' +
        'is all right',
    });
  }
}
