/** tfjs's gradients, which training needs beside the package's own. */

/** @throws {Error} when the union package of tfjs is not installed; it says what to do */
export async function loadGradients(owner: string): Promise<void> {
  // By variable: nobody's bundler should want it.
  const specifier: string = '@tensorflow/tfjs';
  await import(specifier).catch((error: Error) => {
    throw new Error(`${owner} needs tfjs's gradients; run: npm install ${specifier}`, {
      cause: error,
    });
  });
}
