/** Classes of the bundled pictures of which there are trained weights, in their order. */
import type { ShippedName } from './network';

export const CLASS_NAMES: Readonly<Record<ShippedName, readonly string[]>> = {
  digits: Array.from({ length: 10 }, (_, i) => String(i)),
  fashion: [
    'T-shirt/top',
    'Trouser',
    'Pullover',
    'Dress',
    'Coat',
    'Sandal',
    'Shirt',
    'Sneaker',
    'Bag',
    'Ankle boot',
  ],
};
