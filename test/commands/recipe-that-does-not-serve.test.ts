// The sites for nginx and Caddy in docs/operations.md, run as they stand there but for names, places and port: a
// gateway with the token gets the list, and nobody gets anything else.
import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { expect, onTestFinished, test } from 'vitest';
import { Central, people } from '../publisher/central.ts';
import { ask } from '../publisher/serving.ts';
import { Gateway } from '../support/gateway.ts';
import { caddy, nginx } from '../support/web-server.ts';

const page = readFileSync(new URL('../../docs/operations.md', import.meta.url), 'utf8');
const TOKEN = 'a-token-of-the-gateways-0123456789';

/** The one block of a language, with what is this host's own put in. */
function recipe(language: string, changes: readonly (readonly [string, string])[]): string {
  const blocks = [...page.matchAll(new RegExp(`\`\`\`${language}\\n([\\s\\S]*?)\`\`\``, 'g'))];
  expect(blocks).toHaveLength(1);
  let text = blocks[0]?.[1] ?? '';
  for (const [from, to] of changes) {
    expect(text).toContain(from);
    text = text.replaceAll(from, to);
  }
  return text;
}

test.each(['nginx', 'caddy'] as const)('%s', async (kind) => {
  const central = new Central();
  central.rows(people(300));
  await central.publish();
  central.rows(people(301));
  const v2 = await central.publish();
  renameSync(central.output, central.at('example-org'));
  const common = [
    ['/srv/relaymap', central.dir],
    ['THE-TOKEN-OF-THE-GATEWAYS', TOKEN],
  ] as const;
  const certificates = '/etc/letsencrypt/live/mx-central.example.org';
  const site =
    kind === 'nginx'
      ? recipe('nginx', [
          ...common,
          [`${certificates}/fullchain.pem`, '@cert'],
          [`${certificates}/privkey.pem`, '@key'],
          ['listen 443 ssl', 'listen 127.0.0.1:@port ssl'],
        ])
      : recipe('caddy', [
          ...common,
          ['mx-central.example.org {', 'https://localhost:@port {\nbind 127.0.0.1\ntls @cert @key'],
        ]);
  const server = kind === 'nginx' ? await nginx(site) : await caddy(site);
  const gateway = new Gateway();
  onTestFinished(() => gateway.remove());
  gateway.unspeakable.add(TOKEN);
  writeFileSync(gateway.at('token'), TOKEN, { mode: 0o600 });
  const lines = `token_file = "${gateway.at('token')}"`;
  gateway.configure([{ name: 'example-org', urls: [`${server.url}example-org/`], keys: central.keys, lines }]);
  expect((await gateway.fetch()).bundle).toMatchObject({ outcome: 'installed', version: 2, code: null });
  expect((await gateway.fetch()).bundle).toMatchObject({ outcome: 'unchanged', wireBytes: 0 });
  const headers = { host: `localhost:${server.port}` }; // Caddy answers 200 and nothing for a host that it does not know
  const status = async (path: string, token: string | null) =>
    (await ask(server.port, path, { token, headers })).status;
  for (const path of ['/example-org/manifest.json', `/example-org/recipients/${v2.sha256}.gz`]) {
    expect(await status(path, TOKEN)).toBe(200);
    for (const token of [null, 'another-token', `${TOKEN}x`]) expect(await status(path, token)).toBe(401);
  }
  // What cosigning needs: the candidate, and on the second host its signatures.
  const digest = 'a1'.repeat(32);
  mkdirSync(central.at('example-org', 'candidate'), { mode: 0o755 });
  for (const name of ['candidate/manifest.json', `${digest}.json`, 'refused.json']) {
    writeFileSync(central.at('example-org', name), '{}', { mode: 0o644 });
    expect(await status(`/example-org/${name}`, TOKEN), name).toBe(200);
    for (const token of [null, 'another-token']) expect(await status(`/example-org/${name}`, token)).toBe(401);
  }
  for (const path of ['/', '/recipients', '/publish.toml', '/0.key', '/state/state.json', '/example-org/../0.key'])
    expect([403, 404, 400], path).toContain(await status(path, TOKEN));
  // An unfinished file of the publisher is no published one.
  expect(execFileSync('ls', ['-A', central.at('example-org')], { encoding: 'utf8' })).not.toMatch(/\.new/);
});
