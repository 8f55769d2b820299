/** What to use in place of backend cpu, by what else has been found. */
import { KNOWN_BACKENDS } from './backends/index';
import type { DoctorBackend, DoctorFinding } from './report';

/** Those that are surely faster, and can be had wherever there is a processor. */
const FASTER = ['wasm', 'tensorflow'];

/**
 * The reports with the advice on plain JavaScript made to fit: a backend that works here, else one that is not here;
 * none where the others are here and ill, which is told of them. Where no other was examined it stays.
 *
 * @param fastest the backend with the fastest step
 */
export function adviseInsteadOfCpu(
  backends: readonly DoctorBackend[],
  fastest: string | null,
): DoctorBackend[] {
  const stateOf = new Map(backends.map(({ backend, state }) => [backend, state]));
  const working = [...stateOf.keys()].filter(
    (name) =>
      name !== 'cpu' &&
      stateOf.get(name) === 'works' &&
      (FASTER.includes(name) || name === fastest),
  );
  const missing = FASTER.filter((name) => stateOf.get(name) === 'absent').map(
    (name) => `${name}, from ${KNOWN_BACKENDS[name]?.package}`,
  );
  const advice =
    working.length > 0
      ? `use ${working.join(' or ')}, which ${working.length > 1 ? 'work' : 'works'} here`
      : missing.length > 0
        ? `install and use ${missing.join(', or ')}`
        : undefined;
  if (!FASTER.some((name) => stateOf.has(name))) return [...backends];
  const advised = (finding: DoctorFinding): DoctorFinding => {
    if (finding.code !== 'plain-javascript') return finding;
    const { kind, code, text } = finding;
    return { kind, code, text, ...(advice === undefined ? {} : { advice }) };
  };
  return backends.map((report) => ({ ...report, findings: report.findings.map(advised) }));
}
