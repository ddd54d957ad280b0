// From a changed row in PostgreSQL to the gateway's 250: `relaymap-publish watch` listens on a channel, the gateway
// polls each second, and a client asks the gateway's Postfix every few hundredths of a second. Needs root, as
// Postfix does. Loopback only.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, readFileSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { Daemon } from './daemon.mjs';
import { median, run } from './measure.mjs';
import { startGateway } from './postfix.mjs';
import { Site } from './site.mjs';

const ROWS = 10_000;
const CHANGES = 15;
/** Milliseconds after which a change counts as lost. */
const LOST = 60_000;
const TABLE = `CREATE TABLE live (id serial, address text NOT NULL);
  CREATE FUNCTION changed() RETURNS trigger LANGUAGE plpgsql AS
    $$ BEGIN PERFORM pg_notify('relaymap', ''); RETURN NULL; END $$;
  CREATE TRIGGER changed AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON live
    FOR EACH STATEMENT EXECUTE FUNCTION changed();`;

/** The last line of a reply. */
const LAST_LINE = /(?:^|\n)([0-9]{3}) [^\n]*\n/;

/** @returns a line that says it. */
export async function changedRow(database) {
  const site = new Site();
  const ends = [() => site.close()];
  try {
    await site.open(ROWS);
    chmodSync(site.folder, 0o755);
    await database.create('live', TABLE);
    const psql = ['psql', '-X', '-q', '-h', database.socket, '-p', `${database.port}`, '-U', 'postgres', '-d', 'live'];
    await run([...psql, '-c', `\\copy live (address) FROM '${site.at('recipients')}'`]);
    const source = `type = "sql"\nurl = "${database.url('live')}"\nquery = "SELECT address FROM live"\nlisten = "relaymap"`;
    const toml = readFileSync(site.at('publish.toml'), 'utf8').replace(/type = "file"\npath = .*/, source);
    writeFileSync(site.at('live.toml'), toml);
    ends.push(await watching(site));
    const every = '[schedule]\ncron = "* * * * * *"\njitter = "0s"\n';
    const daemon = await Daemon.start(site, { url: site.url, schedule: every });
    ends.push(() => daemon.stop());
    const postfix = await startGateway(site, site.at('maps'));
    ends.push(() => postfix.stop());
    chmodSync(site.at('maps'), 0o755);
    const taken = [];
    for (let i = 0; i < CHANGES; i++) {
      await sleep(300 + 137 * i); // each at another moment of the second
      const address = `changed${i}@${site.domains[0]}`;
      const from = performance.now();
      await database.sql('live', `INSERT INTO live (address) VALUES ('${address}')`);
      while ((await reply(postfix.port, address)) !== 250) {
        if (performance.now() - from > LOST) throw new Error(`${address} is not accepted after ${LOST} ms`);
        await sleep(20);
      }
      taken.push((performance.now() - from) / 1000);
    }
    const [least, most] = [Math.min(...taken), Math.max(...taken)].map((s) => s.toFixed(2));
    return `from a changed row to 250: ${median(taken).toFixed(2)} s at the median (${least} to ${most}, ${CHANGES} changes; goal: under 3 s)`;
  } finally {
    for (const end of ends.toReversed()) await end();
  }
}

/** Starts `watch`, and comes back when it listens. @returns its end. */
async function watching(site) {
  const [program, ...args] = site.publish('watch', '--config', site.at('live.toml'));
  const child = spawn(program, args, { stdio: ['ignore', 'ignore', 'pipe'] });
  const closed = once(child, 'close');
  let said = '';
  const listens = new Promise((resolve, reject) => {
    child.stderr.setEncoding('utf8').on('data', (text) => {
      said += text;
      if (/listening on the channel/.test(said)) resolve();
    });
    child.once('close', () => reject(new Error(`watch ended: ${said}`)));
  });
  await listens;
  return async () => {
    child.kill('SIGTERM');
    await closed;
  };
}

/** What a Postfix answers to RCPT, over a connection of its own. */
async function reply(port, address) {
  const socket = connect({ port, host: '127.0.0.1', noDelay: true });
  try {
    let code = 0;
    let text = '';
    socket.setEncoding('latin1').on('data', (part) => (text += part));
    for (const line of [
      '',
      'EHLO client.test.invalid',
      'MAIL FROM:<stranger@sender.invalid>',
      `RCPT TO:<${address}>`,
    ]) {
      if (line !== '') socket.write(`${line}\r\n`);
      while (!LAST_LINE.test(text)) await once(socket, 'data');
      code = Number(LAST_LINE.exec(text)[1]);
      text = '';
    }
    return code;
  } finally {
    socket.destroy();
  }
}
