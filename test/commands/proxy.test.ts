// Through an HTTP proxy: CONNECT to the central side, TLS end to end, the proxy's password never shown to anyone else.
// Covers src/io/http.ts
import { writeFileSync } from 'node:fs';
import { expect, onTestFinished, test } from 'vitest';
import { Central, people } from '../publisher/central.ts';
import { configure, serving, stop } from '../publisher/serving.ts';
import { certificate } from '../support/endpoint.ts';
import { Gateway } from '../support/gateway.ts';
import { LIST, LONGER, Scene } from '../support/scene.ts';
import { Proxy } from '../support/proxy.ts';

async function open(): Promise<{ scene: Scene; proxy: Proxy }> {
  const scene = await Scene.open({ installed: false });
  const proxy = await Proxy.start();
  onTestFinished(async () => {
    await proxy.stop();
    await scene.close();
  });
  scene.publish(LIST);
  return { scene, proxy };
}

test('every request goes through the proxy of the environment, as CONNECT with its password', async () => {
  const { scene, proxy } = await open();
  scene.gateway.unspeakable.add('s3cret-of-the-proxy');
  const env = { https_proxy: `http://user:s3cret-of-the-proxy@127.0.0.1:${proxy.port}` };
  const run = await scene.gateway.fetch([], { env });
  expect([run.status, run.outcome], run.stdout + run.stderr).toEqual([0, 'installed']);
  const authorization = `Basic ${Buffer.from('user:s3cret-of-the-proxy').toString('base64')}`;
  expect(proxy.asked).not.toEqual([]);
  for (const asked of proxy.asked) expect(asked).toEqual({ target: `localhost:${scene.endpoint.port}`, authorization });
  for (const asked of scene.endpoint.asked) expect(asked.headers['proxy-authorization']).toBeUndefined();
});

test('a host that no_proxy names is asked directly', async () => {
  const { scene, proxy } = await open();
  const env = { HTTPS_PROXY: `http://127.0.0.1:${proxy.port}`, NO_PROXY: 'example.org, localhost' };
  expect((await scene.gateway.fetch([], { env })).outcome).toBe('installed');
  expect(proxy.asked).toEqual([]);
});

test('an address in a block that no_proxy names is asked directly', async () => {
  const { scene, proxy } = await open();
  scene.configure({ urls: [`https://127.0.0.1:${scene.endpoint.port}/list/`] });
  const env = { https_proxy: `http://127.0.0.1:${proxy.port}`, no_proxy: '10.0.0.0/8,127.0.0.0/8' };
  expect((await scene.gateway.fetch([], { env })).outcome).toBe('installed');
  expect(proxy.asked).toEqual([]);
});

test('the proxy is gone: NETWORK, and the old maps stay', async () => {
  const { scene, proxy } = await open();
  await scene.installs(1, LIST);
  scene.publish(LONGER);
  scene.endpoint.take();
  const env = { https_proxy: `http://127.0.0.1:${proxy.port}` };
  await proxy.stop();
  await scene.refused('NETWORK', [], { env });
});

test('a client certificate goes through the proxy to the server, and no further', async () => {
  const central = new Central();
  central.rows(people(30));
  await central.publish();
  configure(central, 'client_ca = @ca.pem');
  const at = await serving(central);
  const proxy = await Proxy.start();
  const gateway = new Gateway();
  onTestFinished(async () => {
    await stop(at);
    await proxy.stop();
    gateway.remove();
  });
  const { key, cert } = certificate('good');
  writeFileSync(gateway.at('c.key'), key, { mode: 0o600 });
  writeFileSync(gateway.at('c.pem'), cert);
  const bundle = { name: 'example-org', urls: [`https://localhost:${at.port}/`], keys: central.keys };
  const lines = `client_cert = "${gateway.at('c.pem')}"\nclient_key = "${gateway.at('c.key')}"`;
  const env = { https_proxy: `http://127.0.0.1:${proxy.port}` };
  gateway.configure([bundle]);
  expect((await gateway.fetch([], { env })).bundle.code).toMatch(/^(TLS|NETWORK)$/);
  expect(gateway.maps()).toEqual({});
  gateway.configure([{ ...bundle, lines }]);
  expect((await gateway.fetch([], { env })).outcome).toBe('installed');
  expect(proxy.asked.map(({ target }) => target)).toContain(`localhost:${at.port}`);
});

test('a proxy that is no HTTP proxy is CONFIG, and its password is not printed', async () => {
  const { scene } = await open();
  scene.gateway.unspeakable.add('s3cret');
  const run = await scene.gateway.fetch([], { env: { https_proxy: 'socks5://user:s3cret@127.0.0.1:1' } });
  expect([run.status, run.bundle.outcome, run.bundle.code]).toEqual([2, 'kept', 'CONFIG']);
  expect(scene.endpoint.take()).toEqual([]);
});
