// Mirrors are run by others. A token is shown to the origin of the first URL, or to the one that it is configured
// for, and to nobody else.
import { writeFileSync } from 'node:fs';
import { expect, onTestFinished, test } from 'vitest';
import { filesFor } from '../../src/gateway/bundle-urls.ts';
import { Endpoint } from '../support/endpoint.ts';
import { Forger, SigningKey } from '../support/forger.ts';
import { Gateway } from '../support/gateway.ts';
import { LIST } from '../support/scene.ts';

const OWN = { token: 'the-token-of-the-first-0123456789', other: 'the-token-of-a-mirror-0123456789' };

async function three(): Promise<{
  gateway: Gateway;
  own: Endpoint;
  mirror: Endpoint;
  stranger: Endpoint;
  key: SigningKey;
}> {
  const key = new SigningKey();
  const forger = new Forger('example-org', [key]);
  forger.publish(LIST);
  const endpoints: Endpoint[] = [];
  for (let i = 0; i < 3; i++) endpoints.push(await Endpoint.start(forger.files));
  const [own, mirror, stranger] = endpoints as [Endpoint, Endpoint, Endpoint];
  const gateway = new Gateway();
  onTestFinished(async () => {
    for (const endpoint of endpoints) await endpoint.stop();
    gateway.remove();
  });
  writeFileSync(gateway.at('token'), OWN.token, { mode: 0o600 });
  writeFileSync(gateway.at('other'), OWN.other, { mode: 0o600 });
  for (const secret of Object.values(OWN)) gateway.unspeakable.add(secret);
  return { gateway, own, mirror, stranger, key };
}

const shown = (endpoint: Endpoint): unknown[] => [
  ...new Set(endpoint.asked.map(({ headers }) => headers.authorization ?? 'none')),
];

test('each host sees its own token, and a host without one sees none', async () => {
  const { gateway, own, mirror, stranger, key } = await three();
  const lines = `token_file = "${gateway.at('token')}"
urls = ["${own.url}", { url = "${mirror.url}", token_file = "${gateway.at('other')}" }, "${stranger.url}"]`;
  gateway.configure([{ name: 'example-org', urls: [], keys: [key], lines }]);
  expect((await gateway.fetch()).bundle).toMatchObject({ outcome: 'installed', code: null });
  expect(own.asked.length).toBeGreaterThan(0);
  expect([shown(own), shown(mirror), shown(stranger)]).toEqual([
    [`Bearer ${OWN.token}`],
    [`Bearer ${OWN.other}`],
    ['none'],
  ]);
});

test('the first host sends us on to another one: that is refused, and the other one is not asked', async () => {
  const { gateway, own, stranger, key } = await three();
  gateway.configure([
    { name: 'example-org', urls: [own.url], keys: [key], lines: `token_file = "${gateway.at('token')}"` },
  ]);
  own.misbehaviour = ({ response }) => void response.writeHead(307, { location: `${stranger.url}manifest.json` }).end();
  expect((await gateway.fetch()).bundle).toMatchObject({ outcome: 'kept', code: 'REDIRECT' });
  expect(stranger.asked).toEqual([]);
  expect(gateway.maps()).toEqual({});
});

const pair = { client_cert: '/a.pem', client_key: '/a.key' };
const bundle = { urls: ['https://a.example/x/'], ca_file: '/ca.pem', token_file: '/a.token', ...pair };
const bare = { ca_file: '/ca.pem', client_cert: undefined, client_key: undefined, token_file: undefined };

test.each([
  ['the first URL', { url: 'https://a.example/x/' }, { ca_file: '/ca.pem', token_file: '/a.token', ...pair }],
  ['another path there', { url: 'https://a.example/y/' }, { ca_file: '/ca.pem', token_file: '/a.token', ...pair }],
  ['its port by number', { url: 'https://A.example:443/y/' }, { ca_file: '/ca.pem', token_file: '/a.token', ...pair }],
  ['another port', { url: 'https://a.example:8443/x/' }, bare],
  ['a host below it', { url: 'https://b.a.example/x/' }, bare],
  ['another host', { url: 'https://b.example/x/' }, bare],
  ['a table with a token', { url: 'https://b.example/', token_file: '/b.token' }, { ...bare, token_file: '/b.token' }],
  ['a table with an authority', { url: 'https://b.example/', ca_file: '/b.pem' }, { ...bare, ca_file: '/b.pem' }],
  [
    'a table with a certificate, at the first origin',
    { url: 'https://a.example/z/', client_cert: '/z.pem', client_key: '/z.key' },
    { ca_file: '/ca.pem', token_file: '/a.token', client_cert: '/z.pem', client_key: '/z.key' },
  ],
])('%s is asked with these files and no other', (_, place, files) => {
  expect(filesFor(bundle, place)).toEqual(files);
});

test.each([
  [
    'an unknown key in a table',
    'urls = [{ url = "https://localhost/", tokenfile = "/x" }]',
    /tokenfile.*did you mean.*token_file/,
  ],
  ['a table without a URL', 'urls = [{ token_file = "/x" }]', /urls\.0\.url is missing/],
  [
    'a certificate without its key',
    'urls = ["https://a.b/", { url = "https://c.d/", client_cert = "/x" }]',
    /urls\.1: client_cert and client_key/,
  ],
  ['a number', 'urls = [7]', /urls\.0 must be a URL, or a table/],
  ['a URL twice, once in a table', 'urls = ["https://a.b/", { url = "https://a.b/" }]', /twice/],
])('%s is CONFIG', async (_, lines, says) => {
  const gateway = new Gateway();
  onTestFinished(() => gateway.remove());
  gateway.configure([{ name: 'example-org', urls: [], keys: [new SigningKey()], lines }]);
  const run = await gateway.fetch();
  expect([run.outcome, run.code]).toEqual(['kept', 'CONFIG']);
  expect(run.message).toMatch(says);
});
