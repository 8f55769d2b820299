/** A report in plain words. */
import { bytesText } from '../common/bytes';
import type { DoctorBackend, DoctorFinding, DoctorReport, DoctorVerdict } from './report';

const VERDICTS: Record<Exclude<DoctorVerdict, 'nothing'>, string> = {
  works: 'Everything that is here works.',
  ill: 'Something that is here does not work as it should.',
};

/** What comes of it all; where nothing is here, of those that were examined. */
function verdictText({ verdict, backends }: DoctorReport): string {
  if (verdict !== 'nothing') return VERDICTS[verdict];
  const names = backends.map(({ backend }) => backend);
  if (names.length === 1) return `Backend ${names[0]} is not here; no other was examined.`;
  return `There is no backend to compute with: none of ${names.join(', ')} is here.`;
}

const STATES: Record<DoctorBackend['state'], string> = {
  works: 'works',
  imprecise: 'works, but imprecisely',
  wrong: 'COMPUTES WRONG NUMBERS',
  fails: 'FAILS',
  absent: 'not here',
};

const KINDS: Record<DoctorFinding['kind'], string> = {
  wrong: 'wrong',
  limit: 'limit',
  slow: 'slow',
  note: 'note',
};

/** Milliseconds with three digits. */
function milliseconds(value: number): string {
  return `${value >= 100 ? Math.round(value) : Number(value.toPrecision(2))} ms`;
}

function findingLines({ kind, text, advice }: DoctorFinding): string[] {
  return [`  ${KINDS[kind]}: ${text}.`, ...(advice ? [`    -> ${advice}.`] : [])];
}

function factText([name, value]: [string, string | number | boolean | null]): string {
  const shown = name.endsWith('Bytes') && typeof value === 'number' ? bytesText(value) : value;
  // "maxBufferBytes" reads as "max buffer".
  const words = name
    .replace(/Bytes$/, '')
    .replace(/([a-z])([A-Z])/g, (_, a: string, b: string) => `${a} ${b.toLowerCase()}`);
  return `${words} ${shown === null ? 'unknown' : shown}`;
}

function checkLine({ checks }: DoctorBackend): string[] {
  const count = (state: string) => checks.filter((check) => check.state === state).length;
  if (checks.length === 0) return [];
  const parts = (['passed', 'imprecise', 'failed', 'left out'] as const)
    .filter((state) => count(state) > 0)
    .map((state) => `${count(state)} ${state}`);
  const bad = checks.filter(({ state }) => state === 'failed' || state === 'imprecise');
  return [`  checks: ${parts.join(', ')}`, ...bad.map(({ name, text }) => `    ${name}: ${text}`)];
}

function measuredLines({ steps, memory, fits }: DoctorBackend): string[] {
  const lines: string[] = [];
  for (const { backprop, milliseconds: ms, firstMilliseconds } of steps) {
    lines.push(
      `  small step, ${backprop}: ${milliseconds(ms)} (first ${milliseconds(firstMilliseconds)})`,
    );
  }
  for (const backprop of ['reversible', 'stored'] as const) {
    const row = memory.filter((measured) => measured.backprop === backprop);
    if (row.length === 0) continue;
    const texts = row.map(({ columns, peakBytes }) => `${columns} columns ${bytesText(peakBytes)}`);
    lines.push(`  memory of a step, ${backprop}: ${texts.join(', ')}`);
  }
  for (const { model, peakBytes, leastBytes, fits: how } of fits) {
    const words = {
      yes: 'fits',
      'with less': 'fits only with fused adafactor',
      no: 'does not fit',
    };
    lines.push(
      `  training ${model}, batch 1: ${words[how]} (AdamW ${bytesText(peakBytes)}, fused adafactor ${bytesText(leastBytes)})`,
    );
  }
  return lines;
}

function backendLines(backend: DoctorBackend): string[] {
  const facts = Object.entries(backend.facts).map(factText).join(', ');
  return [
    `${backend.backend}: ${STATES[backend.state]}`,
    ...(facts ? [`  ${facts}`] : []),
    ...checkLine(backend),
    ...measuredLines(backend),
    ...backend.findings.flatMap(findingLines),
  ];
}

/**
 * A report as text of several lines, for people.
 *
 * @param report what `doctor` resolves to
 */
export function doctorText(report: DoctorReport): string {
  const { facts, findings, backends, fastest } = report;
  const surroundings = Object.entries(facts).map(factText).join(', ');
  const blocks = [
    [surroundings, ...findings.flatMap(findingLines)],
    ...backends.map(backendLines),
    [verdictText(report), ...(fastest ? [`Fastest: ${fastest}.`] : [])],
  ];
  return `${blocks.map((lines) => lines.join('\n')).join('\n\n')}\n`;
}
