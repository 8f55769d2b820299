/**
 * The program of the portable bundle: examines webgpu on this machine, measures, and prints a file of results that
 * the bench suite reads. What goes on is told on standard error.
 *
 *   revcol-gpu [--out FILE] [--minutes COUNT] [--quick] [--doctor]
 */
import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

import { messageOf } from '../../src/common/messages';
import { makeReport } from '../../src/doctor/doctor';
import { explain } from '../../src/doctor/reasons';
import { blankBackend, type DoctorBackend } from '../../src/doctor/report';
import { surroundingFacts } from '../../src/doctor/surroundings';
import { doctorText } from '../../src/doctor/text';
import { holdContest } from '../suite/contest';
import type { Variant } from '../suite/contestants';
import type { Entrant } from '../suite/entrant';
import { describeMachine, type Source } from '../suite/machine';
import { contestTable } from '../suite/print';
import { type ResultFile, SCHEMA, type SplitProduct, writeResult } from '../suite/results';
import { type Command, WorkerProcess } from '../suite/worker_process';
import { describeWorkload } from '../suite/workload';
import { planned } from './workloads';

const HERE = path.dirname(fileURLToPath(import.meta.url));

const HELP = `revcol-gpu: what webgpu on this machine computes, how fast, and with what memory

  --out FILE        write the results there, anew after every contest; default: print them at the end
  --minutes COUNT   begin nothing more after that long; default 60
  --quick           small networks, to try the bundle itself
  --doctor          only examine, measure nothing

Exit status: 0 all is well, 1 wrong use, 2 webgpu computes wrongly or fails, 3 there is no adapter.
`;

const say = (line: string) => void process.stderr.write(`${line}\n`);

/** A program of this bundle as a process. */
const program = (name: string, ...args: string[]): Command => ({
  file: process.execPath,
  args: [path.join(HERE, `${name}.mjs`), ...args],
});

/** What a program says in its only message. */
async function ask<T extends object>(command: Command): Promise<T> {
  const worker = new WorkerProcess(command);
  try {
    return await worker.tell<T>();
  } finally {
    await worker.end();
  }
}

async function examine(backend: string, full: boolean): Promise<DoctorBackend> {
  try {
    return await ask<DoctorBackend>(program('doctor', backend, full ? 'full' : 'short'));
  } catch (error) {
    const findings = [explain(error, backend, 'being examined')];
    return { ...blankBackend(backend, 'fails'), findings };
  }
}

const entrant = (variant: Variant): Entrant => ({
  name: `${variant} on webgpu`,
  missing: null,
  task: { variant, backend: 'webgpu', threads: 1 },
  command: (task) => program('contestant', JSON.stringify(task)),
  onDevice: true,
});

/** Lets temporary files go where there is writing: the folder of the bundle may be read-only. */
function chooseTemporaryFolder(): void {
  const folders = [os.tmpdir(), '/tmp', '/var/tmp', '/dev/shm', process.cwd()];
  for (const folder of folders) {
    try {
      fs.rmSync(fs.mkdtempSync(path.join(folder, 'revcol-gpu-')), { recursive: true });
      process.env.TMPDIR = folder;
      return;
    } catch {
      // The next one.
    }
  }
  throw new Error(
    `there is no folder for temporary files: none of ${[...new Set(folders)].join(', ')} can be written; ` +
      'name another one in the environment variable TMPDIR',
  );
}

/** Looks at the place of the results before an hour of work. */
function requireWritable(file: string): void {
  try {
    fs.closeSync(fs.openSync(`${file}.part`, 'w'));
    fs.rmSync(`${file}.part`);
  } catch (error) {
    throw new Error(`--out: ${file} cannot be written; give another place`, { cause: error });
  }
}

function readArguments() {
  const { values } = parseArgs({
    options: {
      out: { type: 'string' },
      minutes: { type: 'string', default: '60' },
      quick: { type: 'boolean', default: false },
      doctor: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  });
  const minutes = Number(values.minutes);
  if (!(minutes >= 0)) throw new Error(`--minutes is ${values.minutes}; expected a number from 0`);
  return { ...values, minutes };
}

async function main(): Promise<number> {
  const { out, minutes, quick, doctor: onlyDoctor, help } = readArguments();
  if (help) {
    process.stdout.write(HELP);
    return 0;
  }
  const begin = performance.now();
  if (!onlyDoctor) chooseTemporaryFolder();
  if (out !== undefined) requireWritable(out);
  const doctor: DoctorBackend[] = [];
  for (const backend of ['webgpu', 'wasm', 'cpu']) {
    say(`examining ${backend}`);
    doctor.push(await examine(backend, !quick));
  }
  const report = makeReport(doctor, await surroundingFacts(), []);
  say(`\n${doctorText(report)}`);
  const webgpu = doctor[0] as DoctorBackend;
  const adapter = webgpu.facts.adapter;
  const source = JSON.parse(fs.readFileSync(path.join(HERE, 'source.json'), 'utf8')) as Source;
  const result: ResultFile = {
    schema: SCHEMA,
    command: ['revcol-gpu', ...process.argv.slice(2)].join(' '),
    date: new Date().toISOString(),
    machine: { ...describeMachine(), ...(adapter ? { gpu: String(adapter) } : {}) },
    source,
    complete: false,
    contests: [],
    doctor,
  };
  const keep = () => {
    if (out !== undefined) writeResult(path.resolve(out), result);
  };
  keep();
  const isThere = adapter !== undefined;
  if (isThere && !onlyDoctor) {
    say('trying products of matrices in stock tfjs');
    try {
      result.splitProducts = await ask<SplitProduct[]>(program('split_products'));
    } catch (error) {
      say(`  not tried: ${messageOf(error)}`);
    }
    const contests = planned(quick);
    for (const { workload, variants, ...settings } of contests) {
      if ((performance.now() - begin) / 60_000 > minutes) {
        say(
          `${minutes} minutes are over: ${contests.length - result.contests.length} contests left out`,
        );
        break;
      }
      say(describeWorkload(workload));
      const contest = await holdContest(variants.map(entrant), workload, {
        ...settings,
        warmUps: 1,
        say: (line) => say(`  ${line}`),
        makeInputs: (wanted) => program('make_inputs', wanted),
      });
      result.contests.push(contest);
      say(`${contestTable(contest)}\n`);
      keep();
    }
    result.complete = result.contests.length === contests.length;
  }
  if (onlyDoctor) result.complete = true;
  keep();
  if (out === undefined) process.stdout.write(`${JSON.stringify(result)}\n`);
  if (!isThere) return 3;
  const failed = result.contests.some(({ outcomes }) =>
    outcomes.some(({ name, state }) => state === 'failed' && !name.startsWith('stock')),
  );
  return webgpu.state === 'works' && !failed ? 0 : 2;
}

try {
  process.exitCode = await main();
} catch (error) {
  say(`revcol-gpu: ${messageOf(error)}`);
  process.exitCode = 1;
}
