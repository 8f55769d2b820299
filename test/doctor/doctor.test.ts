/** The doctor on backends that are well, and on some that are not. */
import * as tf from '@tensorflow/tfjs';

import { doctor, type DoctorBackend, type DoctorProgress, doctorText } from 'tfjs-revcol/doctor';
import { judge } from '../../src/doctor/compare';
import { makeReport } from '../../src/doctor/doctor';
import { examine } from '../../src/doctor/examine';
import { explain } from '../../src/doctor/reasons';
import { blankBackend } from '../../src/doctor/report';
import { describeBackends, expectNoLeak } from '../support/backends';
import { loseDevice, useDeviceBackend } from '../support/device_backend';
import { type Fault, withFaultyBackend } from './faulty_backend';

// What cpu computes is seen below; timing it is what takes so long there.
describeBackends(
  'a backend that is well',
  (backend) => {
    test('passes, is timed and weighed, and nothing is left', async () => {
      const seen: DoctorProgress[] = [];
      const report = await expectNoLeak(() =>
        doctor({ backends: [backend], onProgress: (progress) => seen.push(progress) }),
      );
      expect(tf.getBackend()).toBe(backend);
      const [found] = report.backends as [DoctorBackend];
      expect(found.checks.filter(({ state }) => state !== 'passed')).toEqual([]);
      expect(found.checks.length).toBeGreaterThanOrEqual(9);
      expect(found.findings.filter(({ kind }) => kind === 'wrong')).toEqual([]);
      expect([report.verdict, report.fastest, found.state]).toEqual(['works', backend, 'works']);
      expect(found.steps.map(({ backprop }) => backprop)).toEqual(['reversible', 'stored']);
      for (const { milliseconds } of found.steps) expect(milliseconds).toBeGreaterThan(0);
      // What each column adds.
      const growth = (mode: string) => {
        const [two, , eight] = found.memory.filter(({ backprop }) => backprop === mode);
        return (eight?.peakBytes ?? 0) - (two?.peakBytes ?? 0);
      };
      expect(growth('reversible')).toBeGreaterThan(0);
      expect(growth('stored')).toBeGreaterThan(3 * growth('reversible'));
      expect(JSON.parse(JSON.stringify(report))).toEqual(report);
      expect(seen.every(({ done, total }) => done < total)).toBe(true);
      expect(doctorText(report)).toContain(`${backend}: works`);
    });
  },
  { except: ['cpu'] },
);

const QUICKLY = { full: false, measures: false, onProgress: () => undefined };

test('plain cpu passes all checks', async () => {
  const report = await withFaultyBackend({}, (name) => examine(name, QUICKLY));
  expect([report.state, report.findings]).toEqual(['works', []]);
  expect(report.checks.every(({ state }) => state === 'passed')).toBe(true);
});

/** What is found of a backend with a fault. */
async function examined(fault: Fault): Promise<DoctorBackend> {
  const report = await expectNoLeak(() =>
    withFaultyBackend(fault, (name) => examine(name, QUICKLY)),
  );
  // Never a wrong "all is well", never where in the code.
  const text = doctorText(makeReport([report], {}, []));
  expect(makeReport([report], {}, []).verdict).toBe('ill');
  expect(text).not.toMatch(/^ {4}at |\.ts:|\.js:|Everything that is here works/m);
  return report;
}

const codes = ({ findings }: DoctorBackend) => findings.map(({ code }) => code);

describe('a backend that is not well', () => {
  test('gives zeros', async () => {
    const report = await examined({ read: async (values) => values.slice().fill(0) });
    expect([report.state, codes(report)]).toEqual(['wrong', ['zeros']]);
    expect(report.steps).toEqual([]);
  });

  test('gives numbers that are not', async () => {
    const report = await examined({ read: async (values) => values.slice().fill(NaN) });
    expect([report.state, codes(report)]).toEqual(['wrong', ['wrong-numbers']]);
  });

  test('gives wrong numbers now and then', async () => {
    const flip = async (values: tf.TypedArray) =>
      values.length > 40 ? values.slice().reverse() : values;
    const report = await examined({ read: flip });
    expect([report.state, codes(report)]).toEqual(['wrong', ['wrong-numbers']]);
  });

  test('has too few digits', async () => {
    const half = async (values: tf.TypedArray) =>
      values instanceof Float32Array ? values.map((v) => Number(v.toPrecision(4))) : values;
    const report = await examined({ read: half });
    expect([report.state, codes(report)]).toEqual(['imprecise', ['imprecise']]);
  });

  test('runs out of memory in the middle', async () => {
    let writes = 0;
    const write = () => {
      if (++writes > 300) throw new RangeError('Array buffer allocation failed');
    };
    const report = await examined({ write });
    expect([report.state, codes(report)]).toEqual(['fails', ['out-of-memory']]);
    const states = report.checks.map(({ state }) => state);
    expect(states).toContain('passed');
    expect(states.at(-1)).toBe('left out');
  });

  test('does not start', async () => {
    const warn = jest.spyOn(console, 'warn').mockImplementation();
    const report = await examined({ start: new Error('the driver says no.\n    at x.js:1') });
    warn.mockRestore();
    expect(report.state).toBe('fails');
    expect(report.findings[0]?.text).toBe('faulty failed while starting: the driver says no');
  });

  test('loses its device in the middle', async () => {
    const before = tf.getBackend();
    await useDeviceBackend();
    let doing = '';
    const report = await examine('device', {
      ...QUICKLY,
      onProgress: (progress) => {
        doing = progress.doing;
        if (doing.includes('stored gradients')) void loseDevice();
      },
    });
    await tf.setBackend(before);
    expect([report.state, codes(report)]).toEqual(['fails', ['device-lost']]);
    expect(report.checks.map(({ state }) => state)).toEqual(
      expect.arrayContaining(['passed', 'left out']),
    );
  });
});

describe('words', () => {
  test.each([
    ['webgpu', "Cannot read properties of null (reading 'features')", 'no-adapter'],
    ['webgpu', 'Out of memory: failed to allocate a buffer', 'out-of-memory'],
    [
      'webgpu',
      'Buffer size (4294967296) exceeds the max buffer size limit (268435456)',
      'out-of-memory',
    ],
    ['webgpu', 'Device was lost during createComputePipeline', 'device-lost'],
    ['wasm', 'WebAssembly is not defined', 'wasm-forbidden'],
    ['wasm', "Refused to compile: 'unsafe-eval' is not an allowed source", 'wasm-forbidden'],
    ['wasm', 'both async and sync fetching of the wasm failed', 'wasm-files'],
    ['wasm', 'Aborted(OOM). Build with -sASSERTIONS for more info.', 'out-of-memory'],
    ['webgl', 'WebGL is not supported on this device', 'no-webgl'],
    ['tensorflow', 'util_1.isNullOrUndefined is not a function', 'node-too-new'],
    ['tensorflow', 'libtensorflow.so.2: cannot open shared object file', 'addon-libraries'],
    [
      'tensorflow',
      'The Node.js native addon module (tfjs_binding.node) can not be found',
      'no-addon',
    ],
    ['cpu', "Kernel 'Foo' not registered for backend 'cpu'", 'no-kernel'],
    ['cpu', 'something else', 'failure'],
  ])('%s: %s', (backend, message, code) => {
    expect(explain(new Error(message), backend, 'starting')).toMatchObject({ code, kind: 'wrong' });
  });

  test('a comparison names the tensor that is furthest off', () => {
    const pairs = [
      { name: 'a', got: [1, 2], expected: [1, 2] },
      { name: 'b', got: [1, 2.5], expected: [1, 2] },
    ];
    expect(judge('it', pairs, 1e-5)).toMatchObject({
      state: 'failed',
      text: expect.stringContaining('worst: b'),
    });
    expect(judge('it', [{ name: 'a', got: [1], expected: [1, 2] }], 1)).toMatchObject({
      state: 'failed',
    });
    expect(judge('it', [], 1)).toMatchObject({ state: 'failed' });
  });

  test('of cpu it advises what works here, else what is not here', () => {
    const plain = { kind: 'slow', code: 'plain-javascript', text: '', advice: 'alone' } as const;
    const adviceBeside = (...others: [string, DoctorBackend['state']][]) => {
      const cpu = { ...blankBackend('cpu', 'works'), findings: [plain] };
      const backends = others.map(([name, state]) => blankBackend(name, state));
      return makeReport([...backends, cpu], {}, []).backends.at(-1)?.findings[0]?.advice;
    };
    expect(adviceBeside()).toBe('alone');
    expect(adviceBeside(['wasm', 'works'], ['tensorflow', 'absent'])).toBe(
      'use wasm, which works here',
    );
    expect(adviceBeside(['wasm', 'fails'], ['tensorflow', 'absent'])).toBe(
      'install and use tensorflow, from @tensorflow/tfjs-node',
    );
    expect(adviceBeside(['wasm', 'fails'])).toBeUndefined();
  });

  test('where nothing is here, it says of what', () => {
    const textOf = (...names: string[]) =>
      doctorText(
        makeReport(
          names.map((name) => blankBackend(name, 'absent')),
          {},
          [],
        ),
      );
    expect(textOf('webgpu')).toContain('Backend webgpu is not here; no other was examined.');
    expect(textOf('webgpu', 'wasm')).toContain('none of webgpu, wasm is here');
  });

  test('what is asked for must be known', async () => {
    const ask = (options: object) => doctor(options as never);
    await expect(ask({ backends: ['metal'] })).rejects.toThrow(
      /doctor: backends is "metal"; expected one of/,
    );
    await expect(ask({ backend: 'wasm' })).rejects.toThrow(
      /no option 'backend'; did you mean 'backends'/,
    );
    await expect(ask({ onProgress: 1 })).rejects.toThrow(/onProgress is 1; expected a function/);
    const report = await doctor({ backends: ['webgl'] });
    expect([report.verdict, report.backends[0]?.state]).toEqual(['nothing', 'absent']);
  });
});
