/** Prints what the tokenizer is trained on: the messages to train on, English and German. */
import { loadDiagnostics, splitDiagnostics } from '../shared/diagnostics';

const { train } = splitDiagnostics(loadDiagnostics());
console.log(train.flatMap(({ en, de }) => [en, de]).join('\n'));
