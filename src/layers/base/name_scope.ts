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
