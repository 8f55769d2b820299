/**
 * tfjs-revcol/node: models and pictures as files in plain Node, and which path tfjs-node takes. Importing this module lets `model.save` and
 * `tf.loadLayersModel` take `file://` URLs. Import `tfjs-revcol` as well to load models with its
 * layers.
 */
import { registerFileRouters } from '../model_files/register_routers';

export { fileSystem, type FileSystemOptions } from '../model_files/file_system';
export { cocoFolder, type CocoFolderOptions } from '../pictures/coco_folder';
export { imageFolder, type ImageFolderOptions } from '../pictures/image_folder';
export {
  segmentationFolder,
  type SegmentationFolderOptions,
} from '../pictures/segmentation_folder';
export { type NativeOperations, nativeOperations } from '../registry/native_operations';

registerFileRouters();
