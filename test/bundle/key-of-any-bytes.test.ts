// Any 32 bytes, any text: a key that may be trusted comes back from its file as it was, and no other does.
import { createPublicKey } from 'node:crypto';
import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { isAcceptablePublicKey, publicKeyOf } from '../../src/bundle/trust/ed25519.ts';
import { parsePublicKey, publicKeyPem } from '../../src/bundle/trust/public-key.ts';
import { HostError } from '../../src/errors.ts';

const bytes = (length: number) => fc.uint8Array({ minLength: length, maxLength: length });

test('any seed makes a key that comes back from its file, as Node reads it too', () => {
  fc.assert(
    fc.property(bytes(32), (seed) => {
      const raw = publicKeyOf(seed);
      const pem = publicKeyPem(raw);
      expect([...parsePublicKey(pem)]).toEqual([...raw]);
      expect(createPublicKey(pem).export({ format: 'jwk' })['x']).toBe(Buffer.from(raw).toString('base64url'));
    }),
    { numRuns: 20 },
  );
});

test('any bytes: what may not be trusted is refused, and nothing else', () => {
  fc.assert(
    fc.property(fc.oneof(bytes(32), fc.uint8Array({ maxLength: 40 })), (raw) => {
      const read = () => [...parsePublicKey(publicKeyPem(raw))];
      if (isAcceptablePublicKey(raw)) expect(read()).toEqual([...raw]);
      else expect(read).toThrow(HostError);
    }),
  );
});

test('any text: CONFIG, and of the text nothing is said', () => {
  const secret = fc.stringMatching(/^[A-Za-z0-9+/]{20,60}$/);
  fc.assert(
    fc.property(fc.constantFrom('PUBLIC', 'PRIVATE', 'RSA PRIVATE', 'x'), secret, fc.string(), (kind, body, more) => {
      try {
        parsePublicKey(`${more}\n-----BEGIN ${kind} KEY-----\n${body}\n-----END ${kind} KEY-----\n${more}`);
        expect('taken').toBe('refused');
      } catch (error) {
        expect(error).toBeInstanceOf(HostError);
        expect((error as HostError).code).toBe('CONFIG');
        expect((error as HostError).message).not.toContain(body);
      }
    }),
  );
});
