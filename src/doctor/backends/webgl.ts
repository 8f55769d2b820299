/** Backend webgl: the renderer, and how precise its textures are. */
import * as tf from '@tensorflow/tfjs-core';

import { isSoftware, rendererOf } from '../../common/software_renderer';
import type { DoctorFinding } from '../report';
import { type BackendFacts, softwareFinding } from './facts';

/** What is read of tfjs's webgl backend, an optional peer. */
interface WebglBackend {
  gpgpu?: { gl: WebGL2RenderingContext };
}

export function webglFacts(): BackendFacts {
  const renderer = rendererOf((tf.backend() as unknown as WebglBackend).gpgpu?.gl);
  const has32Bits = tf.env().getBool('WEBGL_RENDER_FLOAT32_ENABLED');
  const findings: DoctorFinding[] = [];
  if (isSoftware(renderer)) findings.push(softwareFinding('webgl'));
  if (!has32Bits) {
    findings.push({
      kind: 'limit',
      code: 'half-precision',
      text: 'the textures of webgl have 16 bits here: inference works, to three digits; training does not',
      advice: "train on wasm: await tf.setBackend('wasm')",
    });
  }
  return {
    facts: {
      renderer: renderer || null,
      webglVersion: tf.env().getNumber('WEBGL_VERSION'),
      textureBits: has32Bits ? 32 : 16,
      maxTextureSize: tf.env().getNumber('WEBGL_MAX_TEXTURE_SIZE'),
    },
    findings,
  };
}

/** Whether webgl can train here. */
export function webglTrains(): boolean {
  return tf.env().getBool('WEBGL_RENDER_FLOAT32_ENABLED');
}
