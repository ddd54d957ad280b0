// Real web servers over a folder of published files: Debian's nginx and Caddy, each private to the test, on
// loopback, and ended with it.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { connect, createServer, type AddressInfo } from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, onTestFinished } from 'vitest';
import { certificate } from './endpoint.ts';

export interface WebServer {
  readonly dir: string;
  readonly port: number;
  readonly url: string;
}

/** What the text of a site may name: `@port`, `@cert`, `@key`, `@dir`. */
export type SiteText = string;

const filled = (text: SiteText, dir: string, port: number): string =>
  text
    .replaceAll('@port', String(port))
    .replaceAll('@cert', path.join(dir, 'tls.pem'))
    .replaceAll('@key', path.join(dir, 'tls.key'))
    .replaceAll('@dir', dir);

/** @param site a `server` block. */
export async function nginx(site: SiteText): Promise<WebServer> {
  const user = process.getuid?.() === 0 ? 'user root;\n' : '';
  const temps = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map((each) => `${each}_temp_path @dir/${each};`);
  return await start(
    'nginx.conf',
    `${user}daemon off;\nworker_processes 1;\npid @dir/pid;\nerror_log stderr;\nevents {}\nhttp {\naccess_log off;\n${temps.join('\n')}\n${site}\n}\n`,
    (file) => ['/usr/sbin/nginx', '-e', 'stderr', '-c', file],
  );
}

/** @param site a site block, below global options that keep Caddy to itself. */
export async function caddy(site: SiteText): Promise<WebServer> {
  return await start('Caddyfile', `{\nadmin off\nauto_https off\n}\n${site}\n`, (file) => [
    '/usr/bin/caddy',
    'run',
    '--adapter',
    'caddyfile',
    '--config',
    file,
  ]);
}

async function start(name: string, text: SiteText, argv: (file: string) => readonly string[]): Promise<WebServer> {
  const dir = mkdtempSync(path.join(os.tmpdir(), 'relaymap-web-'));
  const { key, cert } = certificate('good');
  writeFileSync(path.join(dir, 'tls.key'), key);
  writeFileSync(path.join(dir, 'tls.pem'), cert);
  const port = await freePort();
  const file = path.join(dir, name);
  writeFileSync(file, filled(text, dir, port));
  const [command = '', ...args] = argv(file);
  const child = spawn(command, args, {
    stdio: ['ignore', 'ignore', 'pipe'],
    env: { ...process.env, HOME: dir, XDG_DATA_HOME: dir, XDG_CONFIG_HOME: dir },
  });
  let said = '';
  child.stderr.setEncoding('utf8').on('data', (words: string) => (said += words));
  const ended = once(child, 'close');
  onTestFinished(async () => {
    child.kill('SIGTERM');
    await ended;
    rmSync(dir, { recursive: true, force: true, maxRetries: 20, retryDelay: 100 });
  });
  while (!(await answers(port))) {
    expect(child.exitCode, said).toBeNull();
    await sleep(20);
  }
  return { dir, port, url: `https://localhost:${port}/` };
}

/** A port that nobody listens on now. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

const answers = (port: number): Promise<boolean> =>
  new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    socket.on('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.on('error', () => resolve(false));
  });
