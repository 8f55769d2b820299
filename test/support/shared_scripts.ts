/**
 * Modules compiled once in a process. Every file of tests has a context of its own, in which Jest loads all of
 * its modules anew, and compiles them anew as well: tfjs alone is seven megabytes of source. The modules still
 * run in each context; what they are compiled to is the same.
 */
import vm from 'node:vm';

interface Compiled {
  readonly source: string;
  readonly script: vm.Script;
}

/** By parameters and file: a file that has changed has another source. */
const compiled = new Map<string, Compiled>();
const compileFunction = vm.compileFunction;

/** Only the file's own runtime can answer these, so that such a module is compiled for it alone. */
const IMPORTS = /\bimport\s*\(/;

const compileOnce: typeof vm.compileFunction = (source, parameters = [], options = {}) => {
  const { filename, parsingContext } = options;
  if (filename === undefined || parsingContext === undefined || IMPORTS.test(source)) {
    return compileFunction(source, parameters, options);
  }
  const key = `${parameters.join()} ${filename}`;
  let found = compiled.get(key);
  if (found?.source !== source) {
    // Lines are counted from that below the head.
    const text = `(function (${parameters.join()}) {\n${source}\n})`;
    found = { source, script: new vm.Script(text, { filename, lineOffset: -1 }) };
    compiled.set(key, found);
  }
  return found.script.runInContext(parsingContext) as ReturnType<typeof vm.compileFunction>;
};

/** Makes Jest, which compiles by `vm.compileFunction`, do so. */
export function shareScripts(): void {
  vm.compileFunction = compileOnce;
}
