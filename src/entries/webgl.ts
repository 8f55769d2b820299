/** tfjs-revcol/webgl: programs of the package's own for backend 'webgl', which it registers, and compiling them beforehand. */
import { registerWebgl } from '../registry/register_webgl';

export * from '../public/webgl';

registerWebgl();
