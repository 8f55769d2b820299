/** `tfjs-revcol doctor`: what works on this machine, how fast, and what is wrong. */
import { fileURLToPath } from 'node:url';
import { type Command, CommanderError, Option } from 'commander';

import { KNOWN_BACKENDS } from '../../doctor/backends/index';
import { makeReport } from '../../doctor/doctor';
import type { DoctorFinding, DoctorReport } from '../../doctor/report';
import { surroundingFacts } from '../../doctor/surroundings';
import { doctorText } from '../../doctor/text';
import { type Terminal, withProgress } from '../base/terminal';
import { cacheFindings, packageFindings } from './packages';
import { type Examined, examineInProcess } from './process';

interface DoctorArguments {
  backend?: string;
  full?: boolean;
  json?: boolean;
}

/** The exit status of each verdict; 1 is for wrong use, as of every command. */
const STATUS: Record<DoctorReport['verdict'], number> = { works: 0, ill: 2, nothing: 3 };

const BACKENDS = Object.entries(KNOWN_BACKENDS)
  .filter(([, { runsIn }]) => runsIn.includes('node'))
  .map(([name]) => name);

export function addDoctorCommand(program: Command, terminal: Terminal): void {
  program
    .command('doctor')
    .description('tell what works on this machine, how fast, and what is wrong')
    .addOption(
      new Option(
        '-b, --backend <name>',
        'only this backend; default: all that are installed',
      ).choices(BACKENDS),
    )
    .option('--full', 'also which published sizes can be trained')
    .option('--json', 'the report as JSON')
    .addHelpText(
      'after',
      `
Exit status: 0 all that is installed works, 1 wrong use, 2 a backend computes wrongly or fails, 3 there is no backend,
or not the one that --backend names.
Nothing is sent anywhere, and nothing is written.

Examples:
  $ tfjs-revcol doctor
  $ tfjs-revcol doctor --backend wasm --full
  $ tfjs-revcol doctor --json > report.json`,
    )
    .action(async (args: DoctorArguments) => {
      const report = await examineAll(args, terminal);
      terminal.out(args.json ? `${JSON.stringify(report, null, 2)}\n` : doctorText(report));
      const status = STATUS[report.verdict];
      // All has been said.
      if (status !== 0) throw new CommanderError(status, 'doctor', '');
    });
}

async function examineAll(
  { backend, full = false }: DoctorArguments,
  terminal: Terminal,
): Promise<DoctorReport> {
  const names = backend === undefined ? BACKENDS : [backend];
  const examined = await withProgress(terminal, 'doctor', String, async (report) => {
    const all: Examined[] = [];
    for (const [i, name] of names.entries()) {
      const onProgress = ({ done, total }: { done: number; total: number }) =>
        report(Math.round((100 * (i + done / total)) / names.length), 100);
      all.push(await examineInProcess(name, { full, onProgress }));
    }
    return all;
  });
  const findings = unique([
    ...packageFindings(fileURLToPath(import.meta.url)),
    ...examined.flatMap((one) => one.findings),
    ...(await cacheFindings()),
  ]);
  const backends = examined.map((one) => one.backend);
  return makeReport(backends, await surroundingFacts(), findings);
}

/** Findings, each once: every process looks at its surroundings anew. */
function unique(findings: readonly DoctorFinding[]): DoctorFinding[] {
  const byText = new Map(findings.map((finding) => [finding.text, finding]));
  return [...byText.values()];
}
