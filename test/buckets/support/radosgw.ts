// A real object store: Ceph's radosgw from Debian's packages, with a monitor and one disk in memory, private to the
// run, on loopback, as the user of the test. It is up after some ten seconds. Each process ends when its parent does.
import { execFile, spawn, type ChildProcess } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { closeSync, mkdirSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { S3Client, type StoreAccess } from './s3-client.ts';

const PATIENCE = 300_000;
const run = promisify(execFile);

export interface Radosgw extends StoreAccess {
  stop(): Promise<void>;
}

export async function startRadosgw(): Promise<Radosgw> {
  const dir = mkdtempSync(path.join(os.tmpdir(), 'relaymap-ceph-'));
  const children: ChildProcess[] = [];
  const stop = async () => {
    for (const child of children) await ended(child);
    rmSync(dir, { recursive: true, force: true, maxRetries: 20, retryDelay: 100 });
  };
  try {
    const [monitor, gateway] = [await freePort(), await freePort()];
    writeFileSync(path.join(dir, 'ceph.conf'), configuration(dir, monitor, gateway));
    for (const folder of ['mon', 'osd']) mkdirSync(path.join(dir, folder));
    await makeKeys(dir);
    const start = (name: string, ...argv: string[]) => children.unshift(daemon(dir, name, argv));
    const conf = ['-c', 'ceph.conf'];
    const address = `[v2:127.0.0.1:${monitor}]`;
    await run('monmaptool', ['--create', '--fsid', randomUUID(), '--addv', 'a', address, 'monmap'], { cwd: dir });
    await run('ceph-mon', [...conf, '-i', 'a', '--mkfs', '--monmap', 'monmap', '--keyring', 'keyring'], { cwd: dir });
    start('mon', 'ceph-mon', ...conf, '-i', 'a', '-f');
    const disk = randomUUID();
    await run('ceph', [...conf, 'osd', 'new', disk], { cwd: dir, timeout: PATIENCE });
    await run('ceph-osd', [...conf, '-i', '0', '--mkfs', '--osd-uuid', disk], { cwd: dir });
    start('osd', 'ceph-osd', ...conf, '-i', '0', '-f');
    start('rgw', 'radosgw', ...conf, '-n', 'client.rgw', '-f');
    const url = `http://127.0.0.1:${gateway}`;
    await answers(url, dir, children);
    const [accessKey, secretKey] = ['RELAYMAPTESTS', 'a-secret-of-the-tests'];
    const keys = ['--access-key', accessKey, '--secret-key', secretKey];
    await run('radosgw-admin', [...conf, 'user', 'create', '--uid', 'tests', '--display-name', 'tests', ...keys], {
      cwd: dir,
      timeout: PATIENCE,
    });
    await new S3Client({ url, accessKey, secretKey }).makeBucket('first'); // makes the store's own pools, for seconds
    return { url, accessKey, secretKey, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** One copy of everything, in memory; no monitor's warnings of that; S3 alone. */
function configuration(dir: string, monitor: number, gateway: number): string {
  const settings = {
    mon_host: `v2:127.0.0.1:${monitor}`,
    auth_cluster_required: 'cephx',
    auth_service_required: 'cephx',
    auth_client_required: 'cephx',
    public_network: '127.0.0.0/8',
    ms_bind_ipv6: false,
    run_dir: dir,
    admin_socket: `${dir}/$name.asok`,
    log_file: `${dir}/$name.log`,
    pid_file: `${dir}/$name.pid`,
    crash_dir: dir,
    keyring: `${dir}/keyring`,
    mon_data: `${dir}/mon`,
    osd_data: `${dir}/osd`,
    osd_objectstore: 'memstore',
    memstore_device_bytes: 2 ** 30,
    osd_pool_default_size: 1,
    osd_pool_default_min_size: 1,
    osd_pool_default_pg_num: 1,
    osd_pool_default_pgp_num: 1,
    osd_pool_default_pg_autoscale_mode: 'off',
    osd_crush_chooseleaf_type: 0,
    mon_allow_pool_size_one: true,
    mon_max_pg_per_osd: 2000,
    rgw_dns_name: 'localhost', // for a bucket before the host name
    rgw_frontends: `beast endpoint=127.0.0.1:${gateway}`,
    rgw_enable_apis: 's3',
    rgw_run_sync_thread: false,
  };
  const lines = Object.entries(settings).map(([name, value]) => `${name} = ${value}`);
  return `[global]\n${lines.join('\n')}\n`;
}

async function makeKeys(dir: string): Promise<void> {
  const make = (name: string, ...caps: string[]) =>
    run('ceph-authtool', ['keyring', '--gen-key', '-n', name, ...caps.flatMap((cap) => ['--cap', ...cap.split('=')])], {
      cwd: dir,
    });
  await run('ceph-authtool', ['--create-keyring', 'keyring'], { cwd: dir });
  await make('mon.', 'mon=allow *');
  await make('client.admin', 'mon=allow *', 'osd=allow *', 'mgr=allow *');
  await make('osd.0', 'mon=allow profile osd', 'osd=allow *');
  await make('client.rgw', 'mon=allow rwx', 'osd=allow rwx');
}

/** It is killed with this process, however that ends. */
function daemon(dir: string, name: string, argv: readonly string[]): ChildProcess {
  const said = openSync(path.join(dir, `${name}.out`), 'w');
  const child = spawn('setpriv', ['--pdeathsig', 'KILL', ...argv], { cwd: dir, stdio: ['ignore', said, said] });
  closeSync(said);
  return child;
}

async function answers(url: string, dir: string, children: readonly ChildProcess[]): Promise<void> {
  for (const began = Date.now(); ; await sleep(100)) {
    if (
      await fetch(url).then(
        ({ ok }) => ok,
        () => false,
      )
    )
      return;
    const dead = children.some(({ exitCode, signalCode }) => exitCode !== null || signalCode !== null);
    if (!dead && Date.now() - began < PATIENCE) continue;
    const said = ['mon', 'osd', 'rgw'].map(
      (name) => `${name}:\n${readFileSync(path.join(dir, `${name}.out`), 'utf8')}`,
    );
    throw new Error(`radosgw does not answer at ${url}\n${said.join('\n')}`);
  }
}

async function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const closed = once(child, 'close');
  child.kill('SIGKILL'); // what it holds is in memory
  await closed;
}

/** A port that nobody listens on now. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const closed = once(server, 'close');
  server.close();
  await closed;
  return port;
}
