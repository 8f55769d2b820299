/** Lets jest load libraries that are published as ES modules only, some beside .wasm files. */
const { createHash } = require('node:crypto');

const { transformSync } = require('esbuild');

// Jest hands over the .wasm file as text, in which its bytes are already lost.
const wasm = (file) =>
  `module.exports = new Uint8Array(require('node:fs').readFileSync(${JSON.stringify(file)}));`;

const commonJs = (source) =>
  transformSync(source, {
    format: 'cjs',
    define: { 'import.meta': 'importMeta' },
    banner: 'const importMeta = { url: require("node:url").pathToFileURL(__filename).href };',
  }).code;

module.exports = {
  process: (source, file) => ({ code: file.endsWith('.wasm') ? wasm(file) : commonJs(source) }),
  getCacheKey: (source, file) => createHash('md5').update(`1 ${file} ${source}`).digest('hex'),
};
