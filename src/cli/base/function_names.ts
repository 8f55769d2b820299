/** Names of the functions that say what is wrong. */

/**
 * The public functions, and those inside of the package that begin messages with their names. They are written down
 * because a picture or a class may be named in the same way, as `myPhoto`.
 */
export const FUNCTION_NAMES: ReadonlySet<string> = new Set(
  `
  accumulatedStep addAdapters architectureOf assignBoxes attentionGrad beamSearch boxOverlaps cocoFolder
  cocoResults cocoSource colorJitter columnCKA columnFeatures columnSum compoundLoss confusionMatrix
  convertCheckpoint corpusBleu cosineSchedule createLanguageModel createModel createTagger
  createTextClassifier createTranslationModel createVitModel decodeBoxes decodeMask depthwiseFilterGrad
  depthwiseInputGrad detectionBatch detectionStep detectionTransform detectionWeights doctorText encodeBoxes
  encodeMask epochOrder evaluateCoco evaluateDetector evaluateSegmenter fetchPretrained filesSink fileSystem
  fineTune fineTuneDetector fineTuneSegmenter fitImage focalLoss folderSink geluGrad gemmBatch
  generalizedOverlap greedySearch gridAnchors imageCrossEntropy imageFiles imageFolder
  inverseSquareRootSchedule languageModelSteps layerDecayGroups layerNorm layerNormGrad linearCKA listModels
  loadAdapters loadCheckpoint loadTraining maskArea maskBox maskIoU maskTargets memoryPeak memoryPlan
  mergeAdapters mergeMasks mixupOrCutmix nativeOperations oneCycleSchedule openCheckpoint paintDetections
  paintSegmentation parseCoco parseCocoResults pasteMask photometricDistortion pixelAccuracy pixelTransform
  polygonMask polySchedule preprocessingOf preprocessTexts pretrainedWeights randAugment randomErasing randomFlip randomResizedCrop
  readPixels readSync recoverableTraining regionLevels registerLoss removeAdapters removePretrained
  removeTraining resizeBicubic resizeLinear roiAlign sampleBoxes sampleTokens saveAdapters saveCheckpoint
  savedTraining saveTraining scaleHeads scaleRate scheduleCallback seededRandom seedTraining
  segmentationFolder segmentationLoss segmentationSource segmentationTransform segmentationWeights
  setLearningRate setWasmThreads sigmoidCrossEntropy sigmoidCrossEntropyLoss softmaxCrossEntropy
  softmaxCrossEntropyLoss stepSchedule tensorSource textWeights tokenCrossEntropy trainingStep
  trainingTransform translationSteps trigramIds unmergeAdapters warmUp
`
    .trim()
    .split(/\s+/),
);
