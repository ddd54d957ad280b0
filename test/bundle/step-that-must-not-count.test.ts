// Key ring steps (docs/bundle-format.md section 6): who may change the keys, and every way in which a step breaks a
// rule. The cases of `ROTATIONS` are those of theupdateframework/tuf-conformance, test_updater_key_rotations.py.
import { describe, expect, test } from 'vitest';
import {
  encodeStep,
  judgeStep,
  parseStep,
  startingRing,
  type RootedRing,
  type StepRules,
} from '../../src/bundle/trust/keyring.ts';
import { decodeEnvelope, encodeEnvelope, KEYRING_TYPE, pae } from '../../src/bundle/trust/envelope.ts';
import { signersOf } from '../../src/bundle/trust/verify.ts';
import { MANIFEST_TYPE, SigningKey } from '../support/forger.ts';
import { stepFile, type StepDraft } from '../support/keyring-step.ts';

const [A, B, ...R] = Array.from({ length: 14 }, () => new SigningKey()) as [SigningKey, SigningKey, ...SigningKey[]];
const root = (i: number): SigningKey => R[i] as SigningKey;
const set = (keys: readonly SigningKey[]) => new Map(keys.map((key) => [key.keyid, key.raw]));
const start = (roots: readonly SigningKey[], rootThreshold: number | null = null, step = 0): RootedRing =>
  startingRing({ keys: set([A]), threshold: 1, rootKeys: set(roots), rootThreshold, step });
const RULES: StepRules = { name: 'example-org', threshold: 1, rootThreshold: null };
const three = R.slice(0, 3);
/** Step 1 from A to B, by two of three root keys. */
const draft = (change: Partial<StepDraft> = {}): StepDraft => ({
  version: 1,
  keys: [B],
  roots: three,
  rootThreshold: 2,
  by: three.slice(0, 2),
  ...change,
});
const judge = (change: Partial<StepDraft>, rules: Partial<StepRules> = {}) =>
  judgeStep(stepFile(draft(change)), start(three), { ...RULES, ...rules });

describe('who signs', () => {
  /** Keys, threshold and signers of each version; whether the last one counts. */
  type Version = readonly [keys: number[], threshold: number, signers: number[]];
  const five = [0, 1, 2, 3, 4];
  const next = [0, 1, 3, 4, 5];
  const ROTATIONS: readonly (readonly [string, boolean, readonly Version[]])[] = [
    [
      '1-of-1-key-rotation',
      true,
      [
        [[1], 1, [1]],
        [[2], 1, [2, 1]],
        [[2], 1, [2]],
      ],
    ],
    [
      'unused-signatures',
      true,
      [
        [[1], 1, [3, 1, 4]],
        [[2], 1, [3, 2, 1, 4]],
        [[2], 1, [3, 2, 4]],
      ],
    ],
    [
      '3-of-5-different-keycombos',
      true,
      [
        [five, 3, []],
        [five, 3, [0, 4, 1]],
        [five, 3, [0, 1, 3]],
        [five, 3, [2, 3, 4]],
      ],
    ],
    [
      '3-of-5-one-key-rotated',
      true,
      [
        [five, 3, []],
        [next, 3, [0, 4, 1]],
      ],
    ],
    [
      '3-of-5-one-key-rotated-with-intermediate-step',
      true,
      [
        [five, 3, []],
        [next, 3, [0, 2, 4, 5]],
        [next, 3, [0, 4, 5]],
      ],
    ],
    [
      '3-of-5-all-keys-rotated-with-intermediate-step',
      true,
      [
        [five, 3, []],
        [[5, 6, 7, 8, 9], 3, [0, 2, 4, 5, 6, 7]],
        [[5, 6, 7, 8, 9], 3, [5, 6, 7]],
      ],
    ],
    [
      '1-of-3-threshold-increase-to-2-of-3',
      true,
      [
        [[1, 2, 3], 1, []],
        [[1, 2, 3], 2, [1, 2]],
      ],
    ],
    [
      '2-of-3-decrease-to-1-of-3',
      true,
      [
        [[1, 2, 3], 2, []],
        [[1, 2, 3], 1, [1, 2]],
        [[1, 2, 3], 1, [1]],
      ],
    ],
    [
      '1-of-2-threshold-increase-to-2-of-2',
      true,
      [
        [[1], 1, []],
        [[1, 2], 2, [1, 2]],
      ],
    ],
    [
      'fail-not-signed-with-old-key',
      false,
      [
        [[1], 1, []],
        [[2], 1, [2, 3, 4]],
      ],
    ],
    [
      'fail-not-signed-with-new-key',
      false,
      [
        [[1], 1, []],
        [[2], 1, [1, 3, 4]],
      ],
    ],
    [
      '3-of-5-fails-not-signed-with-3-new-keys',
      false,
      [
        [five, 3, []],
        [next, 3, [0, 2, 4]],
      ],
    ],
    [
      '3-of-5-fails-not-signed-with-3-old-keys',
      false,
      [
        [five, 3, []],
        [next, 3, [0, 4, 5]],
      ],
    ],
    [
      '1-of-3-bump-to-2-of-3-fails-new-threshold-not-reached',
      false,
      [
        [[1, 2, 3], 1, []],
        [[1, 2, 3], 2, [2]],
      ],
    ],
    [
      '2-of-3-decr-to-1-of-3-fails-old-threshold-not-reached',
      false,
      [
        [[1, 2, 3], 2, []],
        [[1, 2, 3], 1, [1]],
      ],
    ],
  ];

  test.each(ROTATIONS)('%s: %s', (_, counts, [first, ...steps]) => {
    // From step 1 on, since a default root threshold binds step 1.
    let ring = start((first?.[0] ?? []).map(root), first?.[1], 1);
    const walk = () =>
      steps.forEach(([keys, rootThreshold, signers], i) => {
        const roots = keys.map(root);
        const file = stepFile({ version: i + 2, keys: [B], roots, rootThreshold, by: signers.map(root) });
        ring = judgeStep(file, ring, RULES).ring;
      });
    if (counts) {
      walk();
      expect(ring.step).toBe(steps.length + 1);
      expect([...ring.rootKeys.keys()]).toEqual(steps.at(-1)?.[0].map((i) => root(i).keyid));
    } else {
      expect(walk).toThrow(expect.objectContaining({ code: 'BAD_KEYRING' }));
      expect(ring.step).toBe(1);
    }
  });

  test.each<[string, readonly SigningKey[]]>([
    ['nobody', []],
    ['one root key of two', [root(0)]],
    ['manifest keys', [A, B]],
    ['a root key and manifest keys', [root(0), A, B]],
    ['strangers', R.slice(5, 9)],
  ])('signed by %s', (_, by) => {
    expect(() => judge({ by })).toThrow(/^key ring step 1: the root keys of step 0: \d valid signatures/);
  });

  test('one root key twice', () => {
    const twice = (honest: { signatures: object[] }) => ({
      ...honest,
      signatures: [honest.signatures[0], honest.signatures[0]],
    });
    expect(() => judge({ envelope: twice })).toThrow('key ring step 1: a keyid is named twice');
  });

  test('one root key under two names', () => {
    const renamed = (honest: { signatures: { keyid: string; sig: string }[] }) => ({
      ...honest,
      signatures: honest.signatures.map(({ sig }, i) => ({
        sig: honest.signatures[0]?.sig ?? sig,
        keyid: root(i).keyid,
      })),
    });
    expect(() => judge({ envelope: renamed })).toThrow(expect.objectContaining({ code: 'BAD_KEYRING' }));
  });

  test('who has signed, of the keys that are asked for', () => {
    const envelope = decodeEnvelope(stepFile(draft({ by: [A, root(0), root(4)] })));
    expect(signersOf(envelope, set(three))).toEqual([root(0).keyid]);
    const forged = {
      ...envelope,
      signatures: [{ keyid: root(1).keyid, sig: envelope.signatures[0]?.sig ?? Buffer.alloc(64) }],
    };
    expect(signersOf(forged, set(three))).toEqual([]);
  });

  test('a ring without root keys takes no step', () => {
    const ring = start([]);
    expect(() => judgeStep(stepFile(draft()), ring, RULES)).toThrow('step 0 has no root keys');
  });

  test('the default is more than half of the root keys', () => {
    const thresholds = [1, 2, 3, 4, 5].map((n) => start(R.slice(0, n)).rootThreshold);
    expect(thresholds).toEqual([1, 2, 2, 3, 3]);
  });
});

describe('what the step says', () => {
  test('the ring of a good one, and its digest', () => {
    const file = stepFile(draft({ keys: [A, B], threshold: 2, more: { floor: 7, later: 'unknown' } }));
    const { ring, step, digest, envelope } = judgeStep(file, start(three), RULES);
    expect(ring).toMatchObject({ step: 1, threshold: 2, rootThreshold: 2 });
    expect([...ring.keys.keys()]).toEqual([A.keyid, B.keyid]);
    expect(step.floor).toBe(7);
    expect(digest).toMatch(/^[0-9a-f]{64}$/);
    expect(envelope).toBe(file);
  });

  const refusals: readonly [string, Partial<StepDraft>, string][] = [
    ['another name', { name: 'other-org' }, 'it is for "other-org", expected "example-org"'],
    ['a skipped step', { version: 2 }, 'its version is 2, expected 1'],
    ['the step before', { version: 0, more: { version: 0 } }, 'version is below 1'],
    ['a manifest in its place', { type: MANIFEST_TYPE }, `payloadType "${MANIFEST_TYPE}", expected "${KEYRING_TYPE}"`],
    ['another format', { more: { format: 2 } }, 'format is not 1'],
    ['no keys', { keys: [] }, 'keys is empty'],
    ['17 keys', { keys: Array.from({ length: 17 }, () => new SigningKey()) }, 'keys has more than 16 keys'],
    ['no root keys', { roots: [] }, 'rootKeys is empty'],
    ['a key twice', { keys: [A, A] }, `keys names the key ${A.keyid} twice`],
    ['a root key twice', { roots: [...three, root(0)] }, `rootKeys names the key ${root(0).keyid} twice`],
    ['a weak key', { more: { keys: [Buffer.alloc(32).toString('base64')] } }, 'keys.0 is of small order'],
    ['a weak root key', { more: { rootKeys: [Buffer.alloc(32).toString('base64')] } }, 'rootKeys.0 is of small order'],
    ['a key of 31 bytes', { more: { keys: [Buffer.alloc(31, 7).toString('base64')] } }, 'keys.0 is not 32 bytes'],
    ['a key that is not base64', { more: { keys: ['?'] } }, 'keys.0 is not base64'],
    ['a threshold of 0', { threshold: 0 }, 'threshold is below 1'],
    ['a threshold over the keys', { threshold: 2 }, 'threshold is 2 of 1 keys'],
    ['a root threshold of 0', { rootThreshold: 0 }, 'rootThreshold is below 1'],
    ['a root threshold over the keys', { rootThreshold: 4 }, 'rootThreshold is 4 of 3 rootKeys'],
    ['a threshold that is no whole number', { more: { threshold: 1.5 } }, 'threshold is not a whole number'],
    ['a time of another form', { more: { created: '2026-11-24' } }, 'created is not a time like'],
    ['no time', { more: { created: undefined } }, 'created is not text'],
    ['a floor of 0', { more: { floor: 0 } }, 'floor is below 1'],
    ['a floor over 2^53-1', { more: { floor: 2 ** 53 } }, 'floor is not a whole number up to 2^53-1'],
    [
      'a payload that is a list',
      { more: {}, envelope: (honest) => ({ ...honest, payload: 'W10=' }) },
      'valid signatures',
    ],
  ];
  test.each(refusals)('%s', (_, change, why) => {
    expect(() => judge(change)).toThrow(
      expect.objectContaining({ code: 'BAD_KEYRING', message: expect.stringContaining(why) }),
    );
  });

  test('thresholds below the configured ones, and the default root threshold, which binds step 1 alone', () => {
    expect(() => judge({}, { threshold: 2 })).toThrow('its threshold is 1, the configured threshold is 2');
    expect(() => judge({}, { rootThreshold: 3 })).toThrow('its rootThreshold is 2, the configured root_threshold is 3');
    expect(() => judge({ rootThreshold: 1 })).toThrow('its rootThreshold is 1, the default of root_threshold is 2');
    const second = stepFile(draft({ version: 2, rootThreshold: 1 }));
    const third = stepFile(draft({ version: 3, rootThreshold: 1, by: [root(2)] }));
    expect(judgeStep(third, judgeStep(second, judge({}).ring, RULES).ring, RULES).ring.step).toBe(3);
  });

  test('an envelope over 128 KiB, which a folder may hold', () => {
    const padding = { ' ': ' '.repeat(128 * 1024) };
    expect(() => judge({ envelope: (honest) => ({ ...honest, ...padding }) })).toThrow(
      /an envelope of \d+ bytes, over 131072/,
    );
  });

  test('`ring = 5`: the next step is the sixth', () => {
    const ring = start(three, null, 5);
    expect(judgeStep(stepFile(draft({ version: 6 })), ring, RULES).ring.step).toBe(6);
    expect(() => judgeStep(stepFile(draft()), ring, RULES)).toThrow('key ring step 6: its version is 1, expected 6');
  });

  test('what the publisher writes is what the gateway reads', () => {
    const { step } = judge({ more: { floor: 3 } });
    const payload = encodeStep(step);
    expect(parseStep(payload)).toEqual(step);
    const signed = pae(KEYRING_TYPE, payload);
    const signatures = three.map((key) => ({ keyid: key.keyid, sig: key.sign(signed) }));
    expect(judgeStep(encodeEnvelope(KEYRING_TYPE, payload, signatures), start(three), RULES).step).toEqual(step);
  });

  test('bytes that are verified are those that are parsed', () => {
    const { payload } = decodeEnvelope(stepFile(draft()));
    const other = Buffer.from(Buffer.from(payload).toString().replace('example-org', 'example-orh'));
    const swapped = (honest: object) => ({ ...honest, payload: other.toString('base64') });
    expect(() => judge({ envelope: swapped })).toThrow('0 valid signatures');
  });
});
