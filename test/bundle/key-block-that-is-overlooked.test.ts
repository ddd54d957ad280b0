// Where public keys stand in a PEM text: a health check compares what this finds, and a key that it overlooks may
// change unseen.
import { expect, test } from 'vitest';
import { publicKeyBlocks } from '../../src/bundle/trust/pem.ts';

const block = (body: string, what = 'PUBLIC KEY') => `-----BEGIN ${what}-----${body}-----END ${what}-----`;

test('each block is found, without the white space in it', () => {
  const text = `# ours\r\n${block('\r\nMCow\tBQ YD\nK2Vw=\n')}\n\nand ${block('AAAA')}${block('\nBBBB\n')}`;
  expect(publicKeyBlocks(text)).toEqual(['MCowBQYDK2Vw=', 'AAAA', 'BBBB']);
});

test('a block that holds nothing is one all the same', () => {
  expect(publicKeyBlocks(block(''))).toEqual(['']);
});

test('asked twice, it finds the same', () => {
  expect(publicKeyBlocks(block('AAAA'))).toEqual(publicKeyBlocks(block('AAAA')));
});

test.each([
  ['no text at all', ''],
  ['base64 alone', 'MCowBQYDK2Vw'],
  ['a private key', block('AAAA', 'PRIVATE KEY')],
  ['a block without its end', '-----BEGIN PUBLIC KEY-----AAAA'],
  ['a dash in the block', block('AA-AA')],
])('%s holds none', (_, text) => {
  expect(publicKeyBlocks(text)).toEqual([]);
});
