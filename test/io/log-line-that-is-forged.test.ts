// A line feed that comes from outside begins no line of the log: it is escaped before a message is composed of it,
// on both sides.
import { expect, test } from 'vitest';
import { verifyManifest } from '../../src/bundle/trust/verify.ts';
import { OfferError, StepError, VerifyError } from '../../src/errors.ts';
import { keptLines } from '../../src/gateway/say/outcome-lines.ts';
import { asStepError } from '../../src/gateway/step-error.ts';
import { PublishError } from '../../src/publisher/errors.ts';

const FORGED = 'x\nb: installed version 999\r\u001b[2K\u2028';
const SHOWN = String.raw`x\x0ab: installed version 999\x0d\x1b[2K\u{2028}`;

test('of a payloadType', () => {
  const envelope = Buffer.from(JSON.stringify({ payload: '', payloadType: FORGED, signatures: [] }));
  const ring = { keys: new Map(), threshold: 1, step: 0 };
  let caught: unknown;
  try {
    verifyManifest(envelope, ring);
  } catch (error) {
    caught = error;
  }
  expect(caught).toBeInstanceOf(VerifyError);
  const { code, message } = caught as VerifyError;
  expect(message).toContain(SHOWN);
  const lines = keptLines({
    name: 'a',
    outcome: 'kept',
    code,
    message,
    version: null,
    rows: null,
    via: 'none',
    wireBytes: 0,
    ms: 0,
  });
  expect(lines.filter((line) => !line.startsWith('a: ') || line.includes('\n'))).toEqual([]);
});

test.each([
  ['a refusal', new OfferError('WRONG_NAME', `the list is ${FORGED}`)],
  ['what nobody foresaw', asStepError(new Error(`the list is ${FORGED}`))],
  ['what a directory says', new PublishError('SOURCE', `the list is ${FORGED}`)],
])('of %s', (_, error) => {
  expect([error.message, error.lines]).toEqual([`the list is ${SHOWN}`, [`the list is ${SHOWN}`]]);
});

test('several lines are several only where they are given so', () => {
  const error = new StepError('CONFIG', ['one', `two ${FORGED}`]);
  expect(error.lines).toEqual(['one', `two ${SHOWN}`]);
  expect(error.message).toBe(`one\ntwo ${SHOWN}`);
});
