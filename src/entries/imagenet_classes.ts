/** tfjs-revcol/imagenet_classes: names of the classes of ImageNet-1k. */
export * from '../registry/imagenet_classes';
