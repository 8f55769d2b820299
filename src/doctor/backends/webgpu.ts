/** Backend webgpu: the adapter, and its limits. */
import * as tf from '@tensorflow/tfjs-core';

import { isSoftware } from '../../common/software_renderer';
import { type BackendFacts, softwareFinding } from './facts';

/** What is told of an adapter; older browsers tell less. */
interface AdapterInfo {
  vendor?: string;
  architecture?: string;
  device?: string;
  description?: string;
  isFallbackAdapter?: boolean;
}

/** What is read of tfjs's webgpu backend, an optional peer. */
interface WebgpuBackend {
  device?: {
    adapterInfo?: AdapterInfo;
    limits?: Record<
      'maxBufferSize' | 'maxStorageBufferBindingSize' | 'maxComputeWorkgroupsPerDimension',
      number
    >;
  };
}

interface Gpu {
  requestAdapter(): Promise<{ info?: AdapterInfo } | null>;
}

/** The name of the graphics card, as far as it is told. */
export function adapterName({ vendor, architecture, device, description }: AdapterInfo): string {
  const words = [description, vendor, architecture, device].filter(Boolean);
  return [...new Set(words)].join(', ') || 'unnamed';
}

export async function webgpuFacts(): Promise<BackendFacts> {
  const { device } = tf.backend() as unknown as WebgpuBackend;
  const { gpu } = globalThis.navigator as unknown as { gpu?: Gpu };
  const info = device?.adapterInfo ?? (await gpu?.requestAdapter())?.info ?? {};
  const adapter = adapterName(info);
  const inSoftware = info.isFallbackAdapter === true || isSoftware(adapter);
  return {
    facts: {
      adapter,
      software: inSoftware,
      maxBufferBytes: device?.limits?.maxBufferSize ?? null,
      maxBindingBytes: device?.limits?.maxStorageBufferBindingSize ?? null,
      maxWorkgroups: device?.limits?.maxComputeWorkgroupsPerDimension ?? null,
    },
    findings: inSoftware ? [softwareFinding('webgpu')] : [],
  };
}
