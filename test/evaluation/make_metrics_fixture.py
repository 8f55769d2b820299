"""Writes metrics.json: random predictions and what scikit-learn says of them. Run: python make_metrics_fixture.py

Needs scikit-learn. Calibration is not in it: that is computed here, bin by bin, from its definition (Guo et al.
2017, arXiv 1706.04599, equations 2 to 5)."""

import json
import pathlib

import numpy as np
import sklearn
from sklearn.metrics import (
    accuracy_score,
    balanced_accuracy_score,
    confusion_matrix,
    log_loss,
    precision_recall_fscore_support,
    top_k_accuracy_score,
)

BINS = 15


def calibration(confidence, right):
    """Equations 3 and 5, and the counts of the bins."""
    error, largest, counts = 0.0, 0.0, []
    for low in range(BINS):
        inside = (confidence > low / BINS) & (confidence <= (low + 1) / BINS)
        counts.append(int(inside.sum()))
        if inside.any():
            gap = abs(right[inside].mean() - confidence[inside].mean())
            error += gap * inside.mean()
            largest = max(largest, gap)
    return error, largest, counts


def case(seed, classes, examples, scale, missing):
    random = np.random.default_rng(seed)
    logits = (scale * random.normal(size=(examples, classes))).astype(np.float32)
    labels = random.integers(0, classes, examples)
    labels[labels == missing] = (missing + 1) % classes
    # So that some predictions are right.
    logits[np.arange(examples), labels] += scale
    values = logits.astype(np.float64)
    values -= values.max(axis=1, keepdims=True)
    probabilities = np.exp(values) / np.exp(values).sum(axis=1, keepdims=True)
    predicted = probabilities.argmax(axis=1)
    names = np.arange(classes)
    precision, recall, f1, support = precision_recall_fscore_support(
        labels, predicted, labels=names, zero_division=np.nan
    )
    error, largest, counts = calibration(probabilities.max(axis=1), predicted == labels)
    none = lambda values: [None if np.isnan(v) else float(v) for v in values]
    return {
        "logits": logits.ravel().tolist(),
        "labels": labels.tolist(),
        "classes": classes,
        "top1": float(accuracy_score(labels, predicted)),
        "top5": float(top_k_accuracy_score(labels, probabilities, k=5, labels=names)) if classes > 5 else 1.0,
        "loss": float(log_loss(labels, probabilities, labels=names)),
        "meanRecall": float(balanced_accuracy_score(labels, predicted)),
        "precision": none(precision),
        "recall": none(recall),
        "f1": none(f1),
        "support": support.tolist(),
        "confusion": confusion_matrix(labels, predicted, labels=names).tolist(),
        "expectedError": float(error),
        "largestError": float(largest),
        "counts": counts,
    }


fixture = {
    "sklearn": sklearn.__version__,
    "cases": {
        "three classes": case(1, 3, 40, 1.5, 99),
        "seven classes, one without examples": case(2, 7, 60, 2.0, 4),
        "twelve classes, few right": case(3, 12, 50, 0.7, 99),
    },
}
pathlib.Path(__file__).with_name("metrics.json").write_text(json.dumps(fixture) + "\n")
