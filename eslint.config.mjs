import eslint from '@eslint/js';
import importSort from 'eslint-plugin-simple-import-sort';
import tseslint from 'typescript-eslint';

const tfjsImports = {
  paths: [
    {
      name: '@tensorflow/tfjs',
      message: 'No peer dependency: import @tensorflow/tfjs-core or @tensorflow/tfjs-layers.',
    },
  ],
  patterns: [
    { group: ['@tensorflow/tfjs*/*'], message: 'Deep imports of tfjs packages fail in Node ESM.' },
  ],
};

/** `tf` is tfjs-core and `tfl` tfjs-layers in every file, whole, so that `tf.add` reads the same all over. */
const tfjsNamespaces = [
  ['@tensorflow/tfjs-core', 'tf'],
  ['@tensorflow/tfjs-layers', 'tfl'],
].map(([module, name]) => ({
  selector:
    `ImportDeclaration[source.value='${module}'] > ` +
    `:not(ImportNamespaceSpecifier[local.name='${name}'], Literal)`,
  message: `import * as ${name} from '${module}' (or import type * as ${name}).`,
}));

/** package.json says that only the entries have side effects, so bundlers leave such imports out. */
const bareImports = {
  selector: 'ImportDeclaration[specifiers.length=0][source.value=/^\\./]',
  message: 'Modules here have no side effects: import a function, and call it.',
};

const kernelNames = 'Literal[value=/^RevCol/]';

/** What only one file spells out, and everything else reaches through that file. */
const onlyIn = [
  {
    file: 'src/ops/kernels/contract.ts',
    selectors: [
      `CallExpression[callee.name=/^(runFused|hasKernel|\\w+Kernel)$/] ${kernelNames}`,
      `CallExpression[callee.property.name=/^(get|register|unregister)Kernel$/] ${kernelNames}`,
      `Property[key.name='kernelName'] > ${kernelNames}`,
    ],
    message: 'Declare the kernel in src/ops/kernels/contract.ts and use its contract.',
  },
  {
    file: 'src/ops/engine/kernel.ts',
    selectors: [
      "CallExpression[callee.property.name='runKernel']",
      "TSQualifiedName[left.name='tf'][right.name='NamedAttrMap']",
    ],
    message: 'Call runKernel of src/ops/engine/kernel.ts, which has the casts.',
  },
  {
    file: 'src/ops/engine/define_op.ts',
    selectors: [
      "CallExpression[callee.name='defineOp'] TSAsExpression > TSTypeReference > [right.name='Tensor']",
    ],
    message: 'defineOp hands over tensors by name: take them as { x, weight }, without a cast.',
  },
  {
    file: 'src/ops/linear.ts',
    selectors: [
      "CallExpression[callee.name='matMul2d'] > CallExpression[callee.name='toMatrix']",
      "CallExpression[callee.property.name='matMul'][callee.object.property.name='fused']",
    ],
    message: 'This is a linear layer: call linearForward, linearBackwardInput or -Kernel.',
  },
  {
    file: 'src/ops/layer_norm.ts',
    selectors: [
      "CallExpression[callee.name='normalizeBackward'] > CallExpression[callee.property.name='mul']",
      "CallExpression[callee.property.name='mul'] > MemberExpression[property.name='xhat']",
      "CallExpression[callee.property.name='mul'] > Identifier[name='xhat']",
    ],
    message:
      'This is an affine LayerNorm: call affineForward, affineBackwardInput, affineGradients.',
  },
];

/** The syntax that a file of src may not use; `file`: one of those above. */
const forbiddenSyntax = (file) => [
  'error',
  ...tfjsNamespaces,
  bareImports,
  ...onlyIn
    .filter((one) => one.file !== file)
    .flatMap(({ selectors, message }) => selectors.map((selector) => ({ selector, message }))),
];

/** Whether a file begins with a comment that says what it is. */
const headerLine = {
  meta: {
    type: 'suggestion',
    messages: {
      missing: 'Begin the file with a line that says what it is: /** ... */.',
      empty: 'Say in the first comment what the file is.',
    },
    schema: [],
  },
  create: (context) => ({
    Program(node) {
      const [first] = context.sourceCode.getAllComments().filter(({ type }) => type !== 'Shebang');
      const above = context.sourceCode.text.slice(0, first?.range[0]);
      const starts =
        first?.type === 'Block' && first.value.startsWith('*') && /^(#!.*\n)?$/.test(above);
      if (!starts) context.report({ node, messageId: 'missing' });
      else if ((first.value.match(/[\p{L}\d]+/gu) ?? []).length < 2) {
        context.report({ node, messageId: 'empty' });
      }
    },
  }),
};

export default tseslint.config(
  {
    ignores: ['dist/', 'out/', 'coverage/', 'scratch/', '.*/', 'src/ops/kernels/wasm/assembly/'],
  },
  eslint.configs.recommended,
  {
    files: ['**/*.ts'],
    extends: [tseslint.configs.strictTypeChecked],
    languageOptions: {
      parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname },
    },
    rules: {
      '@typescript-eslint/switch-exhaustiveness-check': 'error',
      '@typescript-eslint/prefer-readonly': 'error',
      '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_' }],
      eqeqeq: ['error', 'always', { null: 'ignore' }],

      // Messages quote whatever was given: numbers, shapes, undefined.
      '@typescript-eslint/restrict-template-expressions': [
        'error',
        { allowNumber: true, allowArray: true, allowNullish: true },
      ],

      // Callers from JavaScript, and tfjs itself, hand over what their types exclude.
      '@typescript-eslint/no-unnecessary-condition': 'off',
      '@typescript-eslint/no-unnecessary-type-assertion': 'off',
      // Values of tfjs's own types that hold `any` (`Variable<any>`, `Kwargs`) get passed on.
      '@typescript-eslint/no-unsafe-argument': 'off',
      '@typescript-eslint/no-unsafe-assignment': 'off',
      // tfjs makes variables and layers by factories, and takes plain numbers for its enums.
      '@typescript-eslint/no-unsafe-class-instance-assignment': 'off',
      '@typescript-eslint/no-unsafe-enum-assignment': 'off',
      // Interfaces of tfjs declare functions as methods, and promise results of what needs no wait.
      '@typescript-eslint/unbound-method': 'off',
      '@typescript-eslint/require-await': 'off',
      // tfjs finds layers by class, so a class may hold nothing but its static name.
      '@typescript-eslint/no-extraneous-class': 'off',
      // A rejection is passed on as it came.
      '@typescript-eslint/only-throw-error': 'off',
      '@typescript-eslint/use-unknown-in-catch-callback-variable': 'off',
      // Matters of style.
      '@typescript-eslint/no-confusing-void-expression': 'off',
      '@typescript-eslint/no-unnecessary-template-expression': 'off',
      '@typescript-eslint/no-useless-default-assignment': 'off',
      '@typescript-eslint/no-base-to-string': 'off',
    },
  },
  {
    plugins: { 'import-sort': importSort },
    rules: {
      // Side effects, packages, this package, relative imports from far to near.
      'import-sort/imports': [
        'error',
        {
          groups: [
            ['^\\u0000[^.]', '^node:', '^@?\\w'],
            ['^\\u0000\\.', '^tfjs-revcol', '^\\.\\.', '^\\.'],
          ],
        },
      ],
    },
  },
  {
    files: ['src/**/*.ts'],
    rules: {
      'no-restricted-syntax': forbiddenSyntax(null),
      'no-console': ['error', { allow: ['warn'] }],
      'max-lines': ['error', 300],
      'no-restricted-imports': ['error', tfjsImports],
    },
  },
  ...onlyIn.map(({ file }) => ({
    files: [file],
    rules: { 'no-restricted-syntax': forbiddenSyntax(file) },
  })),
  {
    files: ['bench/**/*.ts'],
    rules: {
      'no-restricted-syntax': ['error', ...tfjsNamespaces],
      'max-lines': ['error', 300],
      'no-restricted-imports': ['error', { patterns: tfjsImports.patterns }],
    },
  },
  {
    files: ['src/**/*.ts', 'bench/**/*.ts'],
    // Generated.
    ignores: ['src/ops/kernels/simd_binary.ts'],
    plugins: { house: { rules: { 'header-line': headerLine } } },
    rules: { 'house/header-line': 'error' },
  },
  {
    files: ['scripts/**', 'bench/**/*.mjs', 'test/**/*.mjs', '*.mjs', '*.cjs'],
    languageOptions: {
      globals: { process: 'readonly', console: 'readonly', URL: 'readonly', Buffer: 'readonly' },
    },
  },
  {
    files: ['*.cjs'],
    languageOptions: { sourceType: 'commonjs', globals: { module: 'writable' } },
  },
);
