/**
 * What an http source sends to authenticate: a bearer token, a user and a password, or a header of its own. Reads
 * the files that the configuration names.
 */
import { HostError } from '../../errors.ts';
import type { HttpSource } from '../source-config.ts';
import { readSecret } from './secret.ts';

export interface Credentials {
  readonly headers: Readonly<Record<string, string>>;
  /** Texts that messages must not show, in case the server sends them back. */
  readonly secrets: readonly string[];
}

/** Headers that this client sets itself, or that would change the meaning of a request. */
const OURS =
  /^(?:host|connection|content-length|transfer-encoding|te|upgrade|expect|keep-alive|accept-encoding|range|proxy-.*)$/i;

/** @throws HostError CONFIG if a file cannot be read, others can read it, or it does not contain what it should. */
export function credentialsOf(source: HttpSource): Credentials {
  const { token_file: token, basic_file: basic, header_file: header } = source;
  const headers: Record<string, string> = {};
  const secrets: string[] = [];
  if (token !== undefined) {
    const value = readSecret('token_file', token).trim();
    if (!/^[A-Za-z0-9._~+/-]+=*$/.test(value))
      throw new HostError('CONFIG', `token_file ${token} does not hold one bearer token`);
    headers['authorization'] = `Bearer ${value}`;
    secrets.push(value);
  }
  if (basic !== undefined) {
    const value = readSecret('basic_file', basic);
    const [, password] = /^[^:]+:(.+)$/s.exec(value) ?? [];
    if (password === undefined) throw new HostError('CONFIG', `basic_file ${basic} does not hold user:password`);
    const encoded = Buffer.from(value).toString('base64');
    headers['authorization'] = `Basic ${encoded}`;
    secrets.push(password, encoded);
  }
  if (header !== undefined) {
    const [, name = '', value = ''] =
      /^([!#$%&'*+.^_`|~0-9A-Za-z-]+): *([\x20-\x7e]*\S)\s*$/.exec(readSecret('header_file', header)) ?? [];
    if (name === '')
      throw new HostError('CONFIG', `header_file ${header} does not hold one header, like "X-API-Key: ..."`);
    if (OURS.test(name)) throw new HostError('CONFIG', `header_file ${header}: the header ${name} is not to be set`);
    headers[name.toLowerCase()] = value;
    secrets.push(value, ...value.split(' ').filter((word) => word.length > 7));
  }
  return { headers, secrets };
}
