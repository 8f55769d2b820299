/** How the values of ImageNet's training images are spread. */

/** Mean of ImageNet's training images, RGB, 0..1 (timm's `IMAGENET_DEFAULT_MEAN`). */
export const IMAGENET_MEAN = [0.485, 0.456, 0.406] as const;
/** Deviation of ImageNet's training images, RGB, 0..1 (timm's `IMAGENET_DEFAULT_STD`). */
export const IMAGENET_STD = [0.229, 0.224, 0.225] as const;
