/** Opens a scope for the names of weights, which tfjs-layers does only for itself. */
import * as tfl from '@tensorflow/tfjs-layers';
/**
 * Prefixes the names of the weights that `fn` creates with `name/`, inside whatever scope is open.
 *
 * tfjs-layers opens a name scope around the `build` of a layer that is being applied, and offers no
 * other public way to open one. So a throw-away layer is applied whose `build` is `fn`.
 */
export function withNameScope(name: string, fn: () => void): void {
  const anything = new tfl.SymbolicTensor('float32', [null, 1], null as never, [], {});
  new ScopeLayer(name, fn).apply(anything);
}

class ScopeLayer extends tfl.layers.Layer {
  static className = 'RevColNameScope';

  constructor(
    name: string,
    private readonly body: () => void,
  ) {
    super({ name });
  }

  override build(): void {
    this.body();
  }

  override computeOutputShape(inputShape: tfl.Shape): tfl.Shape {
    return inputShape;
  }
}

/**
 * Gives every weight of a user's layer the name `scope/path/...`, where its own name does not say so
 * already: nested models name their weights when they are made, the same in every copy.
 *
 * @param scope scoped name of the layer that holds it
 */
export function renameBelow(
  scope: string,
  path: string,
  weights: readonly tfl.LayerVariable[],
): void {
  const seen = new Set<string>();
  for (const weight of weights) {
    const enclosing = [`${scope}/${path}/`, `${scope}/`].find((prefix) =>
      weight.originalName.startsWith(prefix),
    );
    const local = weight.originalName.slice(enclosing?.length ?? 0);
    let name = `${scope}/${path}/${local}`;
    for (let i = 1; seen.has(name); i++) name = `${scope}/${path}/${local}_${i}`;
    seen.add(name);
    (weight as { originalName: string }).originalName = name;
  }
}
