// A whole small site for tests, made by the real commands: a signing key, a publisher's folder, an HTTPS server of
// the test's own over the published files, and a gateway's configuration. Nothing outside its temporary folder is
// written, and the only listener is on loopback. RELAYMAP_BIN_DIR points at other builds of the two commands than
// dist/bin.
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { chmod, copyFile, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:https';
import os from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { BIN_FOLDER } from './bin-folder.ts';
import { mustSucceed, run, type Finished } from './finished.ts';

/** `fetch --json`, docs/commands.md section 2.5. */
export type FetchReport = {
  outcome: 'installed' | 'unchanged' | 'kept';
  code?: string | null;
  message?: string | null;
  bundles: {
    name: string;
    outcome: 'installed' | 'unchanged' | 'kept';
    code: string | null;
    message: string | null;
    version: number | null;
    rows: number | null;
    via: 'full' | 'delta' | 'none';
    wireBytes: number;
    ms: number;
  }[];
};

export type SiteOptions = {
  name?: string;
  /** Domains for which the publisher allows an `@domain` row. */
  wildcards?: string[];
  /** Whether the publisher adds postmaster@ for every domain; on, as in its defaults. */
  postmaster?: boolean;
  /** Further lines of the gateway's `[[bundle]]`. */
  bundleToml?: string;
  /** Further tables of the gateway's configuration. */
  gatewayToml?: string;
};

export type Site = {
  readonly dir: string;
  /** Where the gateway puts the maps: `cdb:${mapDir}/relay_recipients`. */
  readonly mapDir: string;
  readonly stateDir: string;
  /** The published files, as served. */
  readonly output: string;
  readonly url: string;
  readonly publisherConfig: string;
  readonly gatewayConfig: string;
  /** Environment added to every command; put a private Postfix's `env` in here, or none is found. */
  readonly env: Record<string, string>;
  /** The paths that the server was asked for, oldest first. */
  readonly requests: string[];
  relaymap(...args: string[]): Promise<Finished>;
  relaymapPublish(...args: string[]): Promise<Finished>;
  /**
   * Writes the source file from rows in internal form (`a b@example.org`), and publishes it; fails unless that
   * worked.
   */
  publish(rows: Iterable<string>, ...args: string[]): Promise<void>;
  /** `relaymap fetch --json`; fails unless it exits 0. */
  fetch(...args: string[]): Promise<FetchReport>;
  publishAndFetch(rows: Iterable<string>): Promise<FetchReport>;
  stop(): Promise<void>;
};

export async function createSite(options: SiteOptions = {}): Promise<Site> {
  const dir = await mkdtemp(path.join(os.tmpdir(), 'relaymap-site-'));
  const at = (...names: string[]) => path.join(dir, ...names);
  const env: Record<string, string> = { MAIL_CONFIG: at('no-postfix-here') };
  const requests: string[] = [];
  const name = options.name ?? 'example-org';
  let server: Server | undefined;
  const stop = async (): Promise<void> => {
    server?.close();
    server?.closeAllConnections();
    await rm(dir, { recursive: true, force: true, maxRetries: 20, retryDelay: 100 }); // a killed process may still write
  };

  try {
    // Postfix's processes run as another user and must be able to reach the maps.
    await chmod(dir, 0o755);
    for (const folder of ['keys', 'signing', 'output', 'publisher', 'state', 'maps']) await mkdir(at(folder));
    await mustSucceed(node('relaymap-publish.js', ['keygen', '--out', at('signing'), '--name', name], env));
    await copyFile(at('signing', `${name}.pub`), at('keys', `${name}.pub`));
    await makeCertificate(dir);
    server = await serve(dir, at('output'), requests);
    const url = `https://localhost:${portOf(server)}/`;
    await writeFile(at('publisher.toml'), publisherToml(dir, name, options));
    await writeFile(at('gateway.toml'), gatewayToml(dir, name, url, options));

    const site: Site = {
      dir,
      mapDir: at('maps'),
      stateDir: at('state'),
      output: at('output'),
      url,
      publisherConfig: at('publisher.toml'),
      gatewayConfig: at('gateway.toml'),
      env,
      requests,
      relaymap: (command = '', ...args) =>
        node('relaymap.cjs', [command, '--config', at('gateway.toml'), ...args], env),
      relaymapPublish: (command = '', ...args) =>
        node('relaymap-publish.js', [command, '--config', at('publisher.toml'), ...args], env),
      async publish(rows, ...args) {
        await writeFile(at('recipients'), Array.from(rows, (row) => `${quoted(row)}\n`).join(''));
        await mustSucceed(site.relaymapPublish('publish', ...args));
      },
      async fetch(...args) {
        return JSON.parse((await mustSucceed(site.relaymap('fetch', '--json', ...args))).stdout) as FetchReport;
      },
      async publishAndFetch(rows) {
        await site.publish(rows);
        return await site.fetch();
      },
      stop,
    };
    return site;
  } catch (error) {
    await stop();
    throw error;
  }
}

/**
 * A row in internal form, as it stands in RCPT between `<` and `>`, and in the source file: quoted where RFC 5321
 * wants it.
 */
export function quoted(row: string): string {
  const at = row.lastIndexOf('@');
  const local = row.slice(0, at);
  if (local === '' || /^[\p{L}\p{N}!$%&'*+/=?^_`{|}~.-]+$/u.test(local)) return row;
  return `"${local.replaceAll(/["\\]/g, String.raw`\$&`)}"${row.slice(at)}`;
}

/** Runs one of the two commands without blocking this process, which serves the files meanwhile. */
const node = (command: string, args: readonly string[], env: Record<string, string>): Promise<Finished> =>
  run([process.execPath, path.join(BIN_FOLDER, command), ...args], { env: { NO_COLOR: '1', ...env } });

async function makeCertificate(dir: string): Promise<void> {
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-keyout', `${dir}/tls.key`];
  const names = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost,IP:127.0.0.1'];
  await promisify(execFile)('openssl', ['req', '-x509', ...key, '-out', `${dir}/tls.pem`, '-days', '90', ...names]);
}

/** Static files with a strong ETag, and nothing else: what any web server or object store does. */
async function serve(dir: string, output: string, requests: string[]): Promise<Server> {
  const tls = { key: await readFile(`${dir}/tls.key`), cert: await readFile(`${dir}/tls.pem`) };
  const server = createServer(tls, (request, response) => {
    const url = new URL(request.url ?? '/', 'https://localhost');
    requests.push(url.pathname);
    readFile(path.join(output, path.posix.normalize(decodeURIComponent(url.pathname)))).then(
      (body) => {
        const etag = `"${createHash('sha256').update(body).digest('hex')}"`;
        const fresh = request.headers['if-none-match'] === etag;
        response.writeHead(fresh ? 304 : 200, fresh ? { etag } : { etag, 'content-length': body.length });
        response.end(fresh || request.method === 'HEAD' ? undefined : body);
      },
      () => response.writeHead(404).end(),
    );
  });
  server.listen(0, 'localhost');
  await once(server, 'listening');
  return server;
}

function portOf(server: Server): number {
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('a TCP server without a port');
  return address.port;
}

function publisherToml(dir: string, name: string, options: SiteOptions): string {
  return `
name = "${name}"
output = "${dir}/output"
state_dir = "${dir}/publisher"
keys = ["${dir}/signing/${name}.key"]

[[source]]
type = "file"
path = "${dir}/recipients"

[policy]
wildcards = ${JSON.stringify(options.wildcards ?? [])}
postmaster = ${options.postmaster ?? true}
`;
}

function gatewayToml(dir: string, name: string, url: string, options: SiteOptions): string {
  return `
state_dir = "${dir}/state"
map_dir = "${dir}/maps"

[[bundle]]
name = "${name}"
urls = ["${url}"]
keys = "${dir}/keys"
ca_file = "${dir}/tls.pem"
${options.bundleToml ?? ''}

${options.gatewayToml ?? ''}
`;
}
