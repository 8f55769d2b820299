/** What comes of all backends together. */
import type { DoctorBackend, DoctorFinding, DoctorReport } from './report';

/** The verdict, and the backend with the fastest step. */
export function verdictOf(
  backends: readonly DoctorBackend[],
  findings: readonly DoctorFinding[],
): Pick<DoctorReport, 'verdict' | 'fastest'> {
  const there = backends.filter(({ state }) => state !== 'absent');
  const stepOf = ({ steps }: DoctorBackend) =>
    Math.min(...steps.map(({ milliseconds }) => milliseconds));
  const fastest = there
    .filter(({ state, steps }) => state === 'works' && steps.length > 0)
    .reduce<DoctorBackend | null>((a, b) => (a && stepOf(a) <= stepOf(b) ? a : b), null);
  const isIll =
    there.some(({ state }) => state !== 'works') || findings.some(({ kind }) => kind === 'wrong');
  const verdict = there.length === 0 ? 'nothing' : isIll ? 'ill' : 'works';
  return { verdict, fastest: fastest?.backend ?? null };
}
