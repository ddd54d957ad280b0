// The network between the two sides breaks in every way that a server can bring about; the maps stay.
import { writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { once } from 'node:events';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { certificate, Endpoint, type Certificate, type Misbehaviour } from '../support/endpoint.ts';
import { LIST, LONGER, Scene } from '../support/scene.ts';

let scene: Scene;
beforeAll(async () => {
  scene = await Scene.open();
});
afterAll(() => scene.close());

function misbehave(misbehaviour: Misbehaviour): void {
  scene.endpoint.misbehaviour = misbehaviour;
  onTestFinished(() => {
    scene.endpoint.misbehaviour = null;
  });
}

describe('NETWORK', () => {
  test('nobody listens', async () => {
    const silent = createServer().listen(0, '127.0.0.1');
    await once(silent, 'listening');
    const { port } = silent.address() as { port: number };
    silent.close();
    await once(silent, 'close');
    scene.configure({ urls: [`https://localhost:${port}/`] });
    onTestFinished(() => scene.configure());
    await scene.refused('NETWORK', []);
  });

  test('the name does not exist', async () => {
    scene.configure({ urls: ['https://central.invalid/'] });
    onTestFinished(() => scene.configure());
    // Without any network: a resolver that is slow to say so, or has an answer to everything, is none of the test's
    // business.
    await scene.refused('NETWORK', [], { under: ['unshare', '--net'] });
  });

  test.each(['manifest', 'table'] as const)('%s cut short of its Content-Length', async (which) => {
    const { table } = scene.publish(LONGER);
    misbehave(({ path, response, file, connection }) => {
      if ((path === 'manifest.json') !== (which === 'manifest')) return false;
      response.writeHead(200, { 'content-length': file.length });
      response.write(file.subarray(0, file.length - 1), () => setTimeout(() => connection.end(), 50));
      return true;
    });
    await scene.refused('NETWORK', which === 'manifest' ? ['manifest.json'] : ['manifest.json', table]);
  });

  test.each(['manifest', 'table'] as const)('%s cut short within a chunk', async (which) => {
    const { table } = scene.publish(LONGER);
    misbehave(({ path, response, file, connection }) => {
      if ((path === 'manifest.json') !== (which === 'manifest')) return false;
      response.writeHead(200);
      response.write(file, () => setTimeout(() => connection.end(), 50)); // the last chunk, of no bytes, never comes
      return true;
    });
    await scene.refused('NETWORK', which === 'manifest' ? ['manifest.json'] : ['manifest.json', table]);
  });

  test.each(['manifest', 'table'] as const)('%s reset in its middle', async (which) => {
    const { table } = scene.publish(LONGER);
    misbehave(({ path, response, file, connection }) => {
      if ((path === 'manifest.json') !== (which === 'manifest')) return false;
      response.writeHead(200, { 'content-length': file.length });
      response.write(file.subarray(0, 100), () => setTimeout(() => connection.resetAndDestroy(), 50));
      return true;
    });
    await scene.refused('NETWORK', which === 'manifest' ? ['manifest.json'] : ['manifest.json', table]);
  });

  test('the connection closes before any answer', async () => {
    scene.publish(LONGER);
    misbehave(({ connection }) => void connection.destroy());
    await scene.refused('NETWORK', ['manifest.json']);
  });

  test('what answers speaks no HTTP', async () => {
    scene.publish(LONGER);
    misbehave(({ response }) => void response.socket?.end('220 mail.example.org ESMTP\r\n'));
    await scene.refused('NETWORK', ['manifest.json']);
  });
});

describe('TLS', () => {
  test.each<Certificate>(['for another name', 'of another authority', 'expired', 'self-signed'])(
    'a certificate %s',
    async (kind) => {
      scene.publish(LONGER);
      const other = await Endpoint.start(scene.forger.files, kind);
      scene.configure({ urls: [other.url] });
      onTestFinished(async () => {
        scene.configure();
        await other.stop();
      });
      await scene.refused('TLS', []);
      expect(other.take()).toEqual([]);
    },
  );

  test('no TLS at all', async () => {
    const plain = createServer((socket) => void socket.on('error', () => undefined).end('HTTP/1.1 400 No\r\n\r\n'));
    plain.listen(0, '127.0.0.1');
    await once(plain, 'listening');
    scene.configure({ urls: [`https://localhost:${(plain.address() as { port: number }).port}/`] });
    onTestFinished(() => {
      scene.configure();
      plain.close();
    });
    await scene.refused('TLS', []);
  });

  test('the right certificate, but no ca_file that vouches for it', async () => {
    const other = scene.gateway.at('other.pem');
    writeFileSync(other, certificate('self-signed').cert);
    scene.configure({ bundle: `ca_file = ${JSON.stringify(other)}` });
    onTestFinished(() => scene.configure({ bundle: '' }));
    await scene.refused('TLS', []);
  });
});

describe('HTTP_STATUS', () => {
  test.each([201, 204, 206, 300, 304, 401, 403, 404, 410, 429, 500, 503])('the manifest with %i', async (status) => {
    scene.publish(LONGER);
    // The ETag of another payload: a 304 to the condition sent would be one that was asked for.
    misbehave(({ request, response, file }) => {
      expect(status === 304 ? request.headers['if-none-match'] : undefined).toBeUndefined();
      response.writeHead(status).end(status === 304 || status === 204 ? undefined : file);
    });
    await scene.refused('HTTP_STATUS', ['manifest.json'], { args: status === 304 ? ['--force'] : [] });
  });

  test.each([206, 304, 404, 500])('the table with %i', async (status) => {
    const { table } = scene.publish(LONGER);
    misbehave(({ path, response, file }) => {
      if (path === 'manifest.json') return false;
      response.writeHead(status).end(status === 304 ? undefined : file);
      return true;
    });
    await scene.refused('HTTP_STATUS', ['manifest.json', table]);
  });
});

describe('REDIRECT', () => {
  const targets: [string, (url: string) => string][] = [
    ['to itself', (url) => `${url}manifest.json`],
    ['to a good copy beside it', () => '/list/elsewhere.json'],
    ['to plain http', () => 'http://localhost/'],
    ['to loopback', () => 'https://127.0.0.1:22/'],
    ['to a metadata service', () => 'http://169.254.169.254/latest/'],
    ['to a file', () => 'file:///etc/passwd'],
    ['to nonsense', () => '::: not an address'],
  ];
  test.each(targets)('%s', async (_name, target) => {
    const { manifestFile } = scene.publish(LONGER);
    scene.forger.files.set('elsewhere.json', manifestFile);
    misbehave(({ path, response }) => {
      if (path !== 'manifest.json') return false;
      response.writeHead(302, { location: target(scene.endpoint.url) }).end();
      return true;
    });
    await scene.refused('REDIRECT', ['manifest.json']);
  });

  test.each([301, 302, 303, 307, 308])('the table with %i', async (status) => {
    const { table } = scene.publish(LONGER);
    const body = scene.forger.files.get(table) ?? Buffer.alloc(0);
    scene.forger.files.set('elsewhere.gz', body);
    misbehave(({ path, response }) => {
      if (path !== table) return false;
      response.writeHead(status, { location: '/list/elsewhere.gz' }).end(body);
      return true;
    });
    await scene.refused('REDIRECT', ['manifest.json', table]);
  });
});

test('a redirect to a bucket: the signature in its query is not printed', async () => {
  scene.publish(LONGER);
  const location = 'https://user:pass@bucket.example/list/manifest.json?X-Amz-Signature=0123abcd';
  misbehave(({ response }) => {
    response.writeHead(302, { location }).end();
    return true;
  });
  const { bundle, stderr } = await scene.refused('REDIRECT', ['manifest.json']);
  expect(bundle.message).toMatch(/302 to https:\/\/bucket\.example\/list\/manifest\.json\?\.\.\.$/);
  expect(bundle.message + stderr).not.toMatch(/0123abcd|pass/);
});

describe('BAD_ENVELOPE says from where, and what it seems to be', () => {
  const pages: [string, Record<string, string>, string, RegExp][] = [
    ['a login page with 200', {}, '<!DOCTYPE html><title>Login</title>', /it is a page for a browser/],
    [
      'a body that was packed on the way',
      { 'content-encoding': 'br' },
      'x',
      /Content-Encoding br, which was not asked/,
    ],
  ];
  test.each(pages)('%s', async (_name, headers, body, oddity) => {
    scene.publish(LONGER);
    misbehave(({ response }) => {
      response.writeHead(200, headers).end(body);
      return true;
    });
    const { bundle } = await scene.refused('BAD_ENVELOPE', ['manifest.json']);
    expect(bundle.message).toContain(scene.endpoint.url);
    expect(bundle.message).toMatch(oddity);
  });
});

describe('TOO_LARGE', () => {
  const LIMIT = 128 * 1024;
  test('an envelope of one byte too many, padded by white space', async () => {
    scene.publish(LONGER, { file: (honest) => Buffer.concat([honest, Buffer.alloc(LIMIT + 1 - honest.length, ' ')]) });
    await scene.refused('TOO_LARGE', ['manifest.json']);
  });

  test('an envelope without end', async () => {
    scene.publish(LONGER);
    let sent = 0;
    misbehave(({ response }) => {
      response.writeHead(200);
      const pour = (): void => {
        while (!response.destroyed && response.write(Buffer.alloc(16_384, ' '))) sent += 16_384;
      };
      response.on('drain', pour);
      pour();
    });
    await scene.refused('TOO_LARGE', ['manifest.json']);
    expect(sent).toBeLessThan(64 * 2 ** 20);
  });
});

test('after all that an honest version installs, an envelope of exactly 128 KiB', async () => {
  const { version } = scene.publish(LONGER, {
    file: (honest) => Buffer.concat([honest, Buffer.alloc(128 * 1024 - honest.length, ' ')]),
  });
  await scene.installs(version, LONGER);
  expect(LIST.length).toBeLessThan(LONGER.length);
});
