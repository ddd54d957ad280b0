// The exit status of several bundles (docs/commands.md section 2.4): refused beats could not, and the closed list
// of codes says which is which.
import { describe, expect, test } from 'vitest';
import { exitStatus, HostError, StateError, StepError, type Code } from '../../src/errors.ts';
import { failure, outcomeExit, overall, type BundleOutcome } from '../../src/gateway/outcome.ts';

const bundle = (outcome: BundleOutcome['outcome'], code: Code | null = null): BundleOutcome => ({
  name: 'x',
  outcome,
  code,
  message: code,
  version: 1,
  rows: 1,
  via: 'none',
  wireBytes: 0,
  ms: 0,
});

/** The table of section 2.4. */
const COULD_NOT: Code[] = [
  'NETWORK',
  'TLS',
  'TIMEOUT',
  'HTTP_STATUS',
  'REDIRECT',
  'INSTALL_FAILED',
  'NO_SPACE',
  'BUSY',
  'CONFIG',
  'INTERNAL',
];
const REFUSED: Code[] = [
  ...([
    'TOO_LARGE',
    'BAD_ENVELOPE',
    'WRONG_TYPE',
    'BAD_SIGNATURE',
    'BAD_KEYRING',
    'BAD_MANIFEST',
    'UNSUPPORTED_FORMAT',
  ] as const),
  ...([
    'WRONG_NAME',
    'ROLLBACK',
    'EQUIVOCATION',
    'EXPIRED',
    'OVER_LIMIT',
    'EMPTY',
    'HELD',
    'LENGTH_MISMATCH',
    'BAD_GZIP',
  ] as const),
  ...([
    'HASH_MISMATCH',
    'NOT_CANONICAL',
    'MISSING_REQUIRED',
    'FOREIGN_DOMAIN',
    'SHRUNK',
    'WAITING',
    'COMPILE_FAILED',
  ] as const),
  ...(['READBACK_FAILED', 'STATE_CORRUPT'] as const),
];

test.each(COULD_NOT)('%s: could not, 2', (code) => {
  expect([exitStatus(code), outcomeExit(overall([bundle('kept', code)])), outcomeExit(failure(code, 'm'))]).toEqual([
    2, 2, 2,
  ]);
});

test.each(REFUSED)('%s: refused, 1', (code) => {
  expect([exitStatus(code), outcomeExit(overall([bundle('kept', code)])), outcomeExit(failure(code, 'm'))]).toEqual([
    1, 1, 1,
  ]);
});

describe('several bundles', () => {
  const [network, shrunk] = [bundle('kept', 'NETWORK'), bundle('kept', 'SHRUNK')];
  const [installed, unchanged] = [bundle('installed'), bundle('unchanged')];
  test.each<[string, BundleOutcome[], string, number]>([
    ['all unchanged', [unchanged, unchanged], 'unchanged', 0],
    ['one installed', [unchanged, installed], 'installed', 0],
    ['one could not', [installed, network, unchanged], 'kept', 2],
    ['one refused', [installed, shrunk], 'kept', 1],
    ['refused beats could not', [network, shrunk], 'kept', 1],
    ['in either order', [shrunk, network], 'kept', 1],
    ['none at all', [], 'unchanged', 0],
  ])('%s', (_, bundles, outcome, exit) => {
    const all = overall(bundles);
    expect([all.outcome, outcomeExit(all), all.bundles, all.code]).toEqual([outcome, exit, bundles, undefined]);
  });
});

test('a failure before any bundle has its code at the top and no bundle', () => {
  expect(failure('CONFIG', 'why')).toEqual({ outcome: 'kept', code: 'CONFIG', message: 'why', bundles: [] });
});

test('an error of a step has its class for a name, and its cause', () => {
  const cause = new Error('x');
  const error = new StateError('STATE_CORRUPT', 'm', cause);
  expect(error).toBeInstanceOf(StepError);
  expect([error.name, error.code, error.message, error.cause]).toEqual(['StateError', 'STATE_CORRUPT', 'm', cause]);
  expect(Object.hasOwn(new HostError('BUSY', 'm'), 'cause')).toBe(false);
});
