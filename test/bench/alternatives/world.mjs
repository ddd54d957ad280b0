// All that the contenders ask: one list of recipients in relaymap's maps, in the text of other tables, in a slapd, a
// PostgreSQL, a MariaDB and a primary MX, each of the servers behind proxies that can be told to be slow or down. The
// servers are started by the tests' own ways, lie in temporary folders, and listen on loopback only.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, copyFileSync, createWriteStream, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { build } from 'esbuild';
import { run } from '../measure.mjs';
import { Site } from '../site.mjs';

const here = path.dirname(fileURLToPath(import.meta.url));
const BASE = 'dc=example,dc=org';
const TOP = `dn: ${BASE}\nobjectClass: dcObject\nobjectClass: organization\ndc: example\no: Example\n\n`;

/** The states of a source in which recipients are asked for. */
export const TROUBLES = ['down', 'silent', 'slow'];
/** The ways to each source: without a proxy, through one that takes time, and one for each trouble. */
const PROXIED = ['delayed', ...TROUBLES];

export class World {
  site = new Site();
  tests = null;
  /** By source, then by way: ports. */
  ports = {};
  timings = {};
  #stops = [];
  #proxy = null;

  at = (...names) => this.site.at(...names);

  async open(rows) {
    await this.#loadTests();
    await this.#timed('publish', () => this.site.open(rows));
    chmodSync(this.site.folder, 0o755);
    await this.#timed('fetch', () => this.fetch('gateway', this.site.url));
    this.#copyText();
    const loaded = async (name, start) => [name, await this.#timed(name, start)];
    const found = await Promise.allSettled([
      loaded('slapd', () => this.#slapd()),
      loaded('postgres', () => this.#postgres()),
      loaded('mariadb', () => this.#mariadb()),
      loaded('primary', () => this.#primary()),
      this.#timed('lmdb', () => run(['postmap', `lmdb:${this.at('text/recipients')}`], this.site.env)),
    ]);
    const failed = found.find(({ status }) => status === 'rejected');
    if (failed !== undefined) throw failed.reason;
    const targets = found.slice(0, -1).map(({ value }) => value);
    await this.#openProxy([...targets, ['central', Number(new URL(this.site.url).port)]]);
  }

  /** A gateway of relaymap's own, with its maps in a folder of this name. @param url of the central side */
  async fetch(name, url, limit = 300) {
    const config = this.at(`${name}.toml`);
    const maps = this.maps(name);
    writeFileSync(
      config,
      `state_dir = "${this.at(`${name}-state`)}"\nmap_dir = "${maps}"\n[[bundle]]\nname = "bench"\nurls = ["${url}"]\nkeys = "${this.at('keys')}"\nca_file = "${this.at('tls.pem')}"\n`,
    );
    await run(['timeout', `${limit}`, ...this.site.relaymap('fetch', '--config', config)], this.site.env);
    chmodSync(maps, 0o755);
  }

  maps = (name) => this.at(`${name}-maps`);

  /** Tells one proxied way of a source how it is. */
  async set(source, way, state, ms = 0) {
    const line = `${this.ports[source][way]} ${state} ${ms}`;
    const heard = this.#heard(line);
    this.#proxy.stdin.write(`${line}\n`);
    await heard;
  }

  async close() {
    this.#proxy?.stdin.end();
    await Promise.allSettled(this.#stops.map((stop) => stop()));
    await this.site.close();
  }

  async #timed(name, work) {
    const from = performance.now();
    const value = await work();
    this.timings[name] = Number(((performance.now() - from) / 1000).toFixed(1));
    return value;
  }

  /** The tests' own ways are TypeScript. */
  async #loadTests() {
    const outfile = this.at('tests.mjs');
    const contents = ['support/postfix.ts', 'support/guardian.ts', 'sources/databases.ts'];
    const stdin = { contents: contents.map((file) => `export * from './${file}';\n`).join('') };
    stdin.resolveDir = path.resolve(here, '../..');
    await build({ stdin, outfile, bundle: true, platform: 'node', format: 'esm', logLevel: 'warning' });
    this.tests = await import(pathToFileURL(outfile).href);
  }

  /** What a script would hand to postmap, and the bare addresses. */
  #copyText() {
    mkdirSync(this.at('text'));
    copyFileSync(path.join(this.maps('gateway'), 'relay_recipients'), this.at('text/recipients'));
    chmodSync(this.at('text/recipients'), 0o644);
    const addresses = readFileSync(this.at('text/recipients'), 'latin1').replaceAll('\tOK\n', '\n');
    writeFileSync(this.at('addresses'), addresses, 'latin1');
  }

  addresses() {
    return readFileSync(this.at('addresses'), 'latin1').trimEnd().split('\n');
  }

  async #slapd() {
    const folder = this.at('slapd');
    mkdirSync(folder);
    mkdirSync(path.join(folder, 'data'));
    const schemas = ['core', 'cosine', 'inetorgperson'].map((name) => `include /etc/ldap/schema/${name}.schema\n`);
    writeFileSync(
      path.join(folder, 'slapd.conf'),
      `${schemas.join('')}modulepath /usr/lib/ldap
moduleload back_mdb
pidfile ${folder}/pid
database mdb
maxsize ${2 ** 36}
suffix "${BASE}"
directory ${folder}/data
index objectClass,mail eq
access to * by * read
`,
    );
    await this.#writeLdif(path.join(folder, 'data.ldif'));
    const conf = path.join(folder, 'slapd.conf');
    await run(['slapadd', '-q', '-f', conf, '-l', path.join(folder, 'data.ldif')]);
    const port = await this.tests.freePort();
    const argv = ['slapd', '-d', '0', '-f', conf, '-h', `ldap://127.0.0.1:${port}/`];
    // The guardian removes its folder, so that it gets one without data.
    mkdirSync(path.join(folder, 'run'));
    const guardian = this.tests.guardServer(path.join(folder, 'run'), 'TERM', argv);
    this.#stops.push(() => this.tests.dismiss(guardian, 'slapd'));
    await this.tests.until('slapd answers', () => this.#ldapAnswers(port));
    return port;
  }

  async #ldapAnswers(port) {
    writeFileSync(this.at('ldap-probe.cf'), ldapLines(port));
    const [first] = this.addresses();
    const ask = ['postmap', '-q', first, `ldap:${this.at('ldap-probe.cf')}`];
    return await run(ask, this.site.env).then(
      ({ stdout }) => stdout.trim() === first,
      () => false,
    );
  }

  async #writeLdif(file) {
    const out = createWriteStream(file);
    out.write(TOP);
    for (const address of this.addresses()) {
      const [local] = address.split('@');
      const entry = `dn: mail=${address},${BASE}\nobjectClass: inetOrgPerson\ncn: ${local}\nsn: ${local}\nmail: ${address}\n\n`;
      if (!out.write(entry)) await once(out, 'drain');
    }
    out.end();
    await once(out, 'close');
  }

  async #postgres() {
    const database = await this.tests.startPostgres();
    this.#stops.push(() => database.stop());
    await database.create('mail', 'CREATE TABLE recipients (address text NOT NULL)');
    const where = ['-X', '-q', '-h', database.socket, '-p', `${database.port}`, '-U', 'postgres', '-d', 'mail'];
    await run(['psql', ...where, '-c', `\\copy recipients FROM '${this.at('addresses')}'`]);
    await database.sql('mail', 'ALTER TABLE recipients ADD PRIMARY KEY (address); VACUUM ANALYZE recipients');
    return database.port;
  }

  async #mariadb() {
    const database = await this.tests.startMariadb();
    this.#stops.push(() => database.stop());
    const table = 'CREATE TABLE recipients (address VARCHAR(254) NOT NULL PRIMARY KEY)';
    await database.create('mail', table);
    await database.sql('mail', `SET GLOBAL innodb_buffer_pool_size = ${2 ** 28}`);
    await database.sql('mail', ['localhost', '127.0.0.1'].map((host) => grant(host)).join('\n'));
    const client = [
      'mariadb',
      '--no-defaults',
      '--local-infile=1',
      `--socket=${database.socket}`,
      '-u',
      'root',
      'mail',
    ];
    await run([...client, '-e', `LOAD DATA LOCAL INFILE '${this.at('addresses')}' INTO TABLE recipients`]);
    await database.sql('mail', 'ANALYZE TABLE recipients');
    return database.port;
  }

  /** Knows the same recipients by the same map. */
  async #primary() {
    const maps = this.maps('gateway');
    const mainCf = {
      virtual_mailbox_domains: `cdb:${maps}/relay_domains`,
      virtual_mailbox_maps: `cdb:${maps}/relay_recipients`,
      virtual_transport: 'discard:',
    };
    const primary = await this.tests.startPostfix({ mainCf: { ...mainCf, myhostname: 'primary.test.invalid' } });
    this.#stops.push(() => primary.stop());
    return primary.port;
  }

  async #openProxy(targets) {
    const pairs = [];
    for (const [source, port] of targets) {
      this.ports[source] = { direct: port };
      for (const way of PROXIED) {
        this.ports[source][way] = await this.tests.freePort();
        pairs.push(`${this.ports[source][way]}:${port}`);
      }
    }
    const program = path.join(here, 'delay.mjs');
    this.#proxy = spawn(process.execPath, [program, ...pairs], { stdio: ['pipe', 'pipe', 'inherit'] });
    this.#proxy.stdin.on('error', () => undefined);
    this.#listen(this.#proxy.stdout);
    await this.#heard('ready');
  }

  /** What is waited for: a line of the proxy, and who waits. */
  #awaited = new Map();

  #heard(line) {
    return new Promise((resolve, reject) => this.#awaited.set(line, { resolve, reject }));
  }

  #listen(output) {
    const lines = createInterface({ input: output });
    lines.on('line', (line) => {
      this.#awaited.get(line)?.resolve();
      this.#awaited.delete(line);
    });
    lines.once('close', () => {
      for (const { reject } of this.#awaited.values()) reject(new Error('the proxy ended'));
    });
  }
}

const grant = (host) => `CREATE USER relay@'${host}'; GRANT SELECT ON mail.* TO relay@'${host}';`;

/** Nothing is asked twice: without `%u` each unknown recipient would be a second search for `@domain`. */
export const ldapLines = (port) => `server_host = ldap://127.0.0.1:${port}
version = 3
bind = no
search_base = ${BASE}
query_filter = (mail=%u@%d)
result_attribute = mail
`;

export const sqlLines = (port, user) => `hosts = inet:127.0.0.1:${port}
user = ${user}
dbname = mail
query = SELECT 'OK' FROM recipients WHERE address = '%u@%d'
`;
