// Addresses that RFC 5321 allows and postmap's text form cannot express: Postfix still has to find them in our cdb.
import { readFile } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Postfix, startGateway } from '../support/postfix.ts';
import { createSite, quoted, type Site } from '../support/site.ts';
import { askOnce } from '../support/smtp.ts';

/** Row in internal form, and each way of writing it in RCPT. */
const odd = [
  { row: '#sales@example.org', rcpt: ['#sales@example.org', '"#sales"@example.org'] },
  { row: '#@example.org', rcpt: ['#@example.org'] },
  { row: 'john doe@example.org', rcpt: ['"john doe"@example.org', String.raw`"john\ doe"@example.org`] },
  { row: 'john  doe@example.org', rcpt: ['"john  doe"@example.org'] },
  { row: ' @example.org', rcpt: ['" "@example.org'] },
  { row: 'six"inch@example.org', rcpt: [String.raw`"six\"inch"@example.org`] },
  { row: '"@example.org', rcpt: [String.raw`"\""@example.org`] },
  { row: 'a"b"c" d@example.org', rcpt: [String.raw`"a\"b\"c\" d"@example.org`] },
];
const plain = 'alice@example.org';
let site: Site;
let gateway: Postfix;

beforeAll(async () => {
  site = await createSite();
  await site.publishAndFetch([plain, ...odd.map(({ row }) => row)]);
  gateway = await startGateway({ mapDir: site.mapDir });
});
afterAll(async () => {
  await Promise.all([gateway?.stop(), site?.stop()]);
});

describe.each(odd)('$row', ({ row, rcpt }) => {
  test('is accepted by the live smtpd, however it is written', async () => {
    const replies = await askOnce(gateway.port, [...rcpt, quoted(row)]);
    expect(replies.map(({ code, text }) => `${code} ${text}`)).toEqual(replies.map(() => '250 2.1.5 Ok'));
  });

  test('is found by postmap -q', async () => {
    expect(await gateway.query(`cdb:${site.mapDir}/relay_recipients`, row)).toBe('OK');
  });
});

test('their neighbours are refused, so the rows were not taken for something else', async () => {
  const neighbours = [
    'sales@example.org',
    'john@example.org',
    'doe@example.org',
    '"john   doe"@example.org',
    'six@example.org',
  ];
  const replies = await askOnce(gateway.port, [...neighbours, '"six inch"@example.org', 'abc@example.org', plain]);
  expect(replies.map((reply) => reply.code)).toEqual([550, 550, 550, 550, 550, 550, 550, 250]);
});

test('they are left out of the text file, which holds the others', async () => {
  const lines = (await readFile(`${site.mapDir}/relay_recipients`, 'utf8')).split('\n');
  expect(lines).toEqual([`${plain}\tOK`, 'postmaster@example.org\tOK', '']);
});
