/**
 * Small files of another host over HTTPS: a candidate, or a cosigner's signature (docs/commands.md section 3.3). Reads
 * the credentials that the configuration names, at each use.
 */
import * as z from 'zod/mini';
import { HostError, SourceError } from '../../errors.ts';
import { text } from '../../io/config-file.ts';
import { HttpClient, type Access, type Limits } from '../../io/http.ts';
import { absolute } from '../source-config.ts';
import { readAuthority, readCertificate, readSecret, readSecretPem } from '../sources/secret.ts';

const url = () =>
  text().check(
    z.refine(isBaseUrl, { error: 'must be an https URL that ends in "/", without user, query or fragment' }),
  );

function isBaseUrl(value: string): boolean {
  if (!URL.canParse(value)) return false;
  const { protocol, username, password } = new URL(value);
  return protocol === 'https:' && username === '' && password === '' && /^[^?#]*\/$/.test(value);
}

const place = () => ({
  url: url(),
  ca_file: z.optional(absolute()),
  client_cert: z.optional(absolute()),
  client_key: z.optional(absolute()),
  token_file: z.optional(absolute()),
});

/** A URL, or a table with what its server asks for. */
export const Remote = z.pipe(
  z.transform((value: unknown) => (typeof value === 'string' ? { url: value } : value)),
  z.strictObject(place(), { error: 'must be a URL, or a table { url = "..." }' }),
);
export type Remote = z.infer<typeof Remote>;

/** Another host that signs: where its signatures are, and its public key. */
export const Cosigner = z.pipe(
  z.transform((value: unknown) => value),
  z.strictObject({ ...place(), public: absolute() }, { error: 'must be a table { url = "...", public = "FILE.pub" }' }),
);
export type Cosigner = z.infer<typeof Cosigner>;

const LIMITS: Limits = { idle: 5000, total: 10_000 };
const GONE = [403, 404, 410];

export class RemoteFolder {
  readonly #base: string;
  readonly #limits: Limits;
  readonly #client: HttpClient;

  /** @throws HostError CONFIG */
  constructor(
    remote: Remote,
    env: Readonly<Record<string, string | undefined>>,
    limits = LIMITS,
    signal?: AbortSignal,
  ) {
    this.#base = remote.url;
    this.#limits = limits;
    this.#client = new HttpClient(accessOf(remote), limits.idle, env, signal);
  }

  get label(): string {
    return this.#base;
  }

  /**
   * @param name relative to the folder. @param most bytes.
   * @returns null if the host has no such file (404, 403, 410). @throws SourceError
   */
  async file(name: string, most: number): Promise<Uint8Array | null> {
    const chunks: Uint8Array[] = [];
    let length = 0;
    for await (const chunk of (await this.body(name)) ?? []) {
      length += chunk.length;
      if (length > most) throw new SourceError('TOO_LARGE', `${this.#base}${name}: over ${most} bytes`);
      chunks.push(chunk);
    }
    return length === 0 ? null : Buffer.concat(chunks);
  }

  /** The same for a file of any size. */
  async body(name: string): Promise<AsyncIterable<Uint8Array> | null> {
    const at = new URL(name, this.#base);
    const answer = await this.#client.get(at, {}, this.#limits);
    if (answer.status === 200) return answer.body;
    answer.discard();
    if (GONE.includes(answer.status)) return null;
    throw new SourceError('HTTP_STATUS', `${at.host}${at.pathname}: status ${answer.status}, expected 200`);
  }

  async close(): Promise<void> {
    await this.#client.close();
  }
}

function accessOf({ ca_file: ca, client_cert: cert, client_key: key, token_file: token }: Remote): Access {
  if ((cert === undefined) !== (key === undefined))
    throw new HostError('CONFIG', 'client_cert and client_key go together');
  return {
    ...(ca === undefined ? {} : { ca: readAuthority(ca) }),
    ...(cert === undefined || key === undefined
      ? {}
      : { cert: readCertificate(cert, 'client_cert'), key: readSecretPem('client_key', key) }),
    ...(token === undefined ? {} : { token: readSecret('token_file', token).trim() }),
  };
}
