// An nginx of Debian's that serves one folder over TLS on loopback, as a site would have it: one worker, sessions
// taken up again. It ends with us, however we end.
import { spawn } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer, connect } from 'node:net';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

const TICK = 1 / Number(process.env.CLK_TCK ?? 100);
const GUARD = '"$@" & server=$!; read -r _; kill -TERM "$server"; wait "$server"';

async function freePort() {
  const server = createServer();
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address();
  await new Promise((resolve) => server.close(resolve));
  return port;
}

export class Nginx {
  #guard = null;
  #folder;

  /**
   * @param folder for its own files. @param root the folder that it serves. @param tls `{ cert, key }`, files.
   * @param more lines of `http`, and of `server` in place of that folder.
   */
  static async open(folder, root, tls, more = { http: 'access_log off;', server: `root "${root}";` }) {
    const nginx = new Nginx(folder, await freePort());
    mkdirSync(folder, { recursive: true });
    const user = process.getuid?.() === 0 ? 'user root;' : '';
    writeFileSync(
      path.join(folder, 'nginx.conf'),
      `${user}
daemon off; worker_processes 1; worker_rlimit_nofile 65536;
pid "${folder}/pid"; error_log "${folder}/error.log" error;
events { worker_connections 30000; }
http {
  ${more.http} types { } default_type application/octet-stream;
  client_body_temp_path "${folder}/t1"; proxy_temp_path "${folder}/t2"; fastcgi_temp_path "${folder}/t3";
  uwsgi_temp_path "${folder}/t4"; scgi_temp_path "${folder}/t5";
  server {
    listen 127.0.0.1:${nginx.port} ssl backlog=4096;
    ssl_certificate "${tls.cert}"; ssl_certificate_key "${tls.key}";
    ssl_protocols TLSv1.2 TLSv1.3; ssl_session_cache shared:all:20m;
    ${more.server}
  }
}
`,
    );
    await nginx.start();
    return nginx;
  }

  constructor(folder, port) {
    this.#folder = folder;
    this.port = port;
  }

  async start() {
    const argv = ['nginx', '-p', this.#folder, '-c', path.join(this.#folder, 'nginx.conf')];
    const env = { PATH: `${process.env.PATH}:/usr/sbin:/sbin` };
    this.#guard = spawn('sh', ['-c', GUARD, 'nginx', ...argv], { stdio: ['pipe', 'ignore', 'inherit'], env });
    this.#guard.stdin.on('error', () => undefined);
    for (let left = 200; !(await answers(this.port)); left--) {
      if (left === 0 || this.#guard.exitCode !== null)
        throw new Error('nginx did not start: apt-get install nginx-light');
      await sleep(50);
    }
  }

  /** Ends it, with every connection, and waits for it. */
  async stop() {
    const guard = this.#guard;
    this.#guard = null;
    if (guard === null) return;
    const closed = new Promise((resolve) => guard.once('close', resolve));
    guard.stdin.end();
    await closed;
  }

  /** CPU seconds of its worker so far. */
  cpu() {
    const master = readFileSync(path.join(this.#folder, 'pid'), 'utf8').trim();
    const [worker] = readFileSync(`/proc/${master}/task/${master}/children`, 'utf8').trim().split(' ');
    const fields = readFileSync(`/proc/${worker}/stat`, 'latin1')
      .replace(/^.*\) /, '')
      .split(' ');
    return (Number(fields[11]) + Number(fields[12])) * TICK;
  }
}

const answers = (port) =>
  new Promise((resolve) => {
    const socket = connect({ port, host: '127.0.0.1' });
    socket.on('connect', () => resolve(true)).on('error', () => resolve(false));
    socket.on('connect', () => socket.destroy());
  });
