/** Import direction: commands -> engine -> stages -> ring, limits, errors. Data flows one way, and so do imports. */
const STAGES = ['source', 'scan', 'publish', 'journal', 'stream', 'verify', 'report', 'local'];
/** What a stage may use besides itself: the floor that all stand on. */
const FLOOR = '^src/(ring|native|aws)/|^src/(limits|errors|quantity|random|fault-points|package-root)\\.ts$';
/** The few doors between stages, each with its reason. */
const DOORS = {
  // The digest and its differences are read from the stream side of verify.
  verify: '^src/(stream|publish|threads)/',
  // Status is told from a journal.
  report: '^src/journal/',
  // Aggregates are opened on reading as they are packed on publishing.
  stream: '^src/publish/(kpl|cbor|codec|open-codec)\\.ts$',
};

module.exports = {
  forbidden: [
    { name: 'no-cycles', severity: 'error', from: {}, to: { circular: true, viaOnly: { dependencyTypesNot: ['type-only'] } } },
    { name: 'no-orphans', severity: 'error', from: { orphan: true, pathNot: '\\.d\\.ts$|^src/bin\\.mjs$|build\\.mjs$' }, to: {} },
    ...STAGES.map((stage) => ({
      name: `stage-${stage}-stands-alone`,
      severity: 'error',
      from: { path: `^src/${stage}/` },
      to: { path: '^src/', pathNot: [`^src/${stage}/`, FLOOR, DOORS[stage]].filter(Boolean).join('|') },
    })),
    { name: 'floor-below-stages', severity: 'error', from: { path: FLOOR }, to: { path: '^src/', pathNot: FLOOR } },
    { name: 'nobody-imports-commands', severity: 'error', from: { pathNot: '^src/(commands/|cli\\.ts)' }, to: { path: '^src/commands/' } },
    { name: 'stages-know-no-engine', severity: 'error', from: { path: '^src/[a-z]+/', pathNot: '^src/(commands|threads)/' }, to: { path: '^src/(engine|prepare|books|parse-pool|demo)\\.ts$' } },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    enhancedResolveOptions: { extensions: ['.ts', '.mjs', '.js', '.json'] },
  },
};
