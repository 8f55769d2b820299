/**
 * The order of the rooms, lowest first: what stands in a list may import from what comes before it,
 * never from what comes after. Folders first, then the files of a room that stand beside them.
 */
const rooms = [
  'common',
  'ops',
  'layers',
  'weights',
  'adapters',
  'model_files',
  'training',
  'text',
  'registry',
  'download',
  'preprocessing',
  'coco',
  'augmentation',
  'data',
  'evaluation',
  'analysis',
  'pictures',
  'report',
  'models',
  'plan',
  'finetune',
  'convert',
  'doctor',
  'cli',
];
/** What is public: names by entry, then the entries themselves. */
const entries = ['public/', 'entries/', 'index\\.ts'];

/** Inside rooms; `.` stands for the files that lie in the room itself. */
const inside = {
  ops: ['engine', 'kernels', '.', 'attention', 'reversible', 'blocks', 'dense', 'detection'],
  layers: ['base', 'columns', 'transformer', 'dense', 'detection', '.'],
  weights: ['bytes', 'zip', 'pickle', 'safetensors', 'pytorch', 'names'],
  finetune: ['base', 'run', 'dense', 'classifier', 'segmenter', 'detector', '.'],
  cli: ['base', 'models', 'predict', 'evaluate', 'train', 'doctor', '.'],
};

/** Each entry with those that come after it, which it must not know. */
const ordered = (folder, list) =>
  list.slice(0, -1).map((name, i) => ({
    name,
    path: at(folder, name),
    above: list.slice(i + 1).map((n) => at(folder, n)),
  }));
const at = (folder, name) =>
  name === '.' ? `^src/${folder}/[^/]+\\.ts$` : `^src/${folder}/${name}/`;

/** @type {import('dependency-cruiser').IConfiguration} */
module.exports = {
  forbidden: [
    { name: 'no-circular', severity: 'error', from: {}, to: { circular: true } },
    {
      name: 'every-room-has-its-place',
      comment: 'A folder of src that is not among the rooms above: give it a place in their order.',
      severity: 'error',
      from: { path: '^src/', pathNot: `^src/((${rooms.join('|')})/|(${entries.join('|')}))` },
      to: {},
    },
    {
      name: 'entries-know-no-entry',
      comment:
        'A bundle puts what two entries share into a file of its own, where package.json says there ' +
        'are no side effects: what registers must stand in the entry itself.',
      severity: 'error',
      from: { path: '^src/(public/|entries/|index\\.ts)' },
      to: { path: '^src/(entries/|index\\.ts)' },
    },
    {
      name: 'no-unresolvable',
      severity: 'error',
      from: { path: '^src/' },
      to: { couldNotResolve: true },
    },
    {
      name: 'operations-know-contracts-not-backends',
      comment: 'An operation names a kernel by its contract; only the registry knows the backends.',
      severity: 'error',
      from: { path: '^src/', pathNot: '^src/(ops/kernels|registry)/' },
      to: { path: '^src/ops/kernels/[^/]+/' },
    },
    {
      name: 'a-backend-knows-no-other',
      severity: 'error',
      from: { path: '^src/ops/kernels/([^/]+)/' },
      to: { path: '^src/ops/kernels/[^/]+/', pathNot: '^src/ops/kernels/$1/' },
    },
    ...rooms.map((room, i) => ({
      name: `${room}-knows-only-rooms-below`,
      severity: 'error',
      from: { path: `^src/${room}/` },
      to: { path: `^src/(${[...rooms.slice(i + 1).map((r) => `${r}/`), ...entries].join('|')})` },
    })),
    ...Object.entries(inside).flatMap(([room, list]) =>
      ordered(room, list).map(({ name, path, above }) => ({
        name: `${room}-${name === '.' ? 'files' : name}-knows-only-folders-below`,
        severity: 'error',
        from: { path },
        to: { path: above.join('|') },
      })),
    ),
  ],
  options: {
    tsPreCompilationDeps: 'specify',
    tsConfig: { fileName: 'tsconfig.json' },
    enhancedResolveOptions: { exportsFields: ['exports'], conditionNames: ['import', 'require'] },
    doNotFollow: { path: 'node_modules' },
    exclude: { path: 'src/ops/kernels/wasm/assembly' },
  },
};
