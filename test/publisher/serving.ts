// `relaymap-publish serve` under way, and a client that asks it for exactly what a test says.
import type { ChildProcess } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import type { IncomingHttpHeaders } from 'node:http';
import https from 'node:https';
import { authority, certificate, type Identity } from '../support/endpoint.ts';
import { finished, type Central } from './central.ts';
import type { Finished } from '../support/finished.ts';

export const TOKEN = 'a token of more than 16 characters'.replaceAll(' ', '-');

export interface Serving {
  readonly child: ChildProcess;
  readonly ended: Promise<Finished>;
  readonly port: number;
  readonly url: string;
}

export function configure(central: Central, lines: string, listen = '127.0.0.1:0'): void {
  const { key, cert } = certificate('good');
  writeFileSync(central.at('tls.key'), key, { mode: 0o600 });
  writeFileSync(central.at('tls.pem'), cert);
  writeFileSync(central.at('ca.pem'), authority().cert);
  writeFileSync(central.at('token'), `${TOKEN}\n`, { mode: 0o600 });
  const file = (name: string) => JSON.stringify(central.at(name));
  central.configure({
    further: `[serve]\nlisten = "${listen}"\ncert = ${file('tls.pem')}\nkey = ${file('tls.key')}\n${lines.replaceAll(/@(\w[\w.]*)/g, (_, name: string) => file(name))}`,
  });
}

/** Starts serving, by a command that runs commands if one is named, and waits for the line that says where. */
export async function serving(central: Central, under: readonly string[] = []): Promise<Serving> {
  const child = central.start(['serve'], under);
  let said = '';
  const url = new Promise<string>((resolve) => {
    child.stdout?.on('data', (text: string) => {
      said += text;
      const found = /^serving (\S+)\n/m.exec(said)?.[1];
      if (found !== undefined) resolve(found);
    });
  });
  const ended = finished(child);
  const where = await Promise.race([
    url,
    ended.then((run) => Promise.reject(new Error(`did not start: ${run.stderr}`))),
  ]);
  return { child, ended, url: where, port: Number(new URL(where).port) };
}

export async function stop({ child, ended }: Serving): Promise<Finished> {
  child.kill('SIGTERM');
  return await ended;
}

export interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
}

export interface Asking {
  readonly method?: string;
  readonly headers?: Record<string, string>;
  /** As it is put after the method, never tidied up. */
  readonly token?: string | null;
  readonly client?: Identity;
  readonly host?: string;
}

export async function ask(
  port: number,
  path: string,
  { method = 'GET', headers = {}, token = TOKEN, client, host = '127.0.0.1' }: Asking = {},
): Promise<Answer> {
  return await new Promise((resolve, reject) => {
    const request = https.request(
      {
        host,
        port,
        path,
        method,
        agent: false,
        ca: authority().cert,
        servername: 'localhost',
        ...client,
        headers: { ...(token === null ? {} : { authorization: `Bearer ${token}` }), ...headers },
      },
      (response) => {
        const parts: Buffer[] = [];
        response.on('data', (part: Buffer) => parts.push(part));
        response.on('end', () =>
          resolve({ status: response.statusCode ?? 0, headers: response.headers, body: Buffer.concat(parts) }),
        );
        response.on('error', reject);
      },
    );
    request.on('continue', () => reject(new Error('told to go on with a body that is not wanted')));
    request.on('error', reject).end();
  });
}
