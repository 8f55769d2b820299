/** The doctor on webgpu in Node. */
import 'tfjs-revcol/doctor';
import * as tf from '@tensorflow/tfjs';

import { examine } from '../../src/doctor/examine';
import { describeBackends } from '../support/backends';

describeBackends(
  'the doctor in Node',
  (backend) => {
    test('names the adapter, and all checks pass', async () => {
      const before = tf.memory().numTensors;
      const quickly = { full: false, measures: false, onProgress: () => undefined };
      const report = await examine(backend, quickly);
      expect(report.state).toBe('works');
      expect(report.checks.filter(({ state }) => state !== 'passed')).toEqual([]);
      expect(report.facts.adapter).toMatch(/\w/);
      expect(report.facts.maxBufferBytes).toBeGreaterThan(0);
      expect(tf.memory().numTensors).toBe(before);
    });
  },
  { only: ['webgpu'] },
);
