/** Stryker's settings; how it is started and judged is mutants.mjs's matter. */
const folder = process.env.RELAYMAP_MUTANTS;

export default {
  plugins: ['@stryker-mutator/vitest-runner'],
  testRunner: 'vitest',
  vitest: { configFile: 'test/mutation/vitest.config.mjs', related: false },
  coverageAnalysis: 'perTest',
  concurrency: 2,
  incremental: true,
  reporters: ['json', 'progress-append-only'],
  jsonReporter: { fileName: `${folder}/report.json` },
  tempDirName: `${folder}/sandbox`,
  // It rewrites the paths in a tsconfig.json by TypeScript's JavaScript interface, which TypeScript 7 has not; a file that is not there is left alone.
  tsconfigFile: 'test/mutation/no-tsconfig.json',
  disableTypeChecks: false,
  checkers: [],
  allowConsoleColors: false,
  timeoutMS: 10_000,
  timeoutFactor: 3,
  ignorePatterns: [
    '/dist',
    '/coverage',
    '/packaging',
    '/.ci',
    '/test/lab',
    '/test/bench',
    '/test/crash',
    '/test/mutation',
    '!/test/mutation/vitest.config.mjs',
    '/test/postfix',
    '/test/attacks',
    '/test/commands',
    '/test/trees',
    '/test/sources',
    '/test/publisher',
    '/test/house',
  ],
};
