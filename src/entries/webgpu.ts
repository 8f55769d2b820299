/** tfjs-revcol/webgpu: programs of the package's own for backend 'webgpu', which it registers, and compiling them beforehand. */
import { registerWebgpu } from '../registry/register_webgpu';

export * from '../public/webgpu';

registerWebgpu();
