/** Renderers that compute graphics on the processor, known by their names. */

const SOFTWARE = /swiftshader|llvmpipe|lavapipe|softpipe|software|basic render|warp/i;

/** Whether a renderer or an adapter of this name computes on the processor. */
export const isSoftware = (name: string): boolean => SOFTWARE.test(name);

/**
 * The renderer of a WebGL context by its own name, which some browsers keep to themselves.
 *
 * @returns an empty string where there is none
 */
export function rendererOf(gl: WebGL2RenderingContext | undefined): string {
  const named = gl?.getExtension('WEBGL_debug_renderer_info');
  return String(gl?.getParameter(named ? named.UNMASKED_RENDERER_WEBGL : gl.RENDERER) ?? '');
}
