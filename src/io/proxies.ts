/**
 * Which proxy to use for a URL. Reads the environment as curl does: `https_proxy`, `all_proxy`, `no_proxy`, in
 * lower or upper case. An empty variable counts as unset. Pure.
 */
import { HostError } from '../errors.ts';
import { directHosts, type IsDirect } from './net/no-proxy.ts';

type Environment = Readonly<Record<string, string | undefined>>;

export class Proxies {
  readonly #proxy: string | null;
  readonly #isDirect: IsDirect;

  /** @throws HostError CONFIG if a proxy is not an http or https URL. */
  constructor(env: Environment) {
    const set = (name: string): string => env[name] || env[name.toUpperCase()] || '';
    const value = set('https_proxy') || set('all_proxy');
    this.#proxy = value === '' ? null : normal(value);
    this.#isDirect = directHosts(set('no_proxy'));
  }

  /** The proxy's URL, or null for a direct connection. */
  for(url: URL): string | null {
    if (this.#proxy === null) return null;
    const host = url.hostname.replace(/^\[|\]$/g, '');
    return this.#isDirect(host, Number(url.port === '' ? 443 : url.port)) ? null : this.#proxy;
  }
}

function normal(value: string): string {
  const text = /^[a-z][a-z0-9+.-]*:\/\//i.test(value) ? value : `http://${value}`;
  const protocol = URL.canParse(text) ? new URL(text).protocol : '';
  if (protocol === 'http:' || protocol === 'https:') return text;
  // The value is not quoted: it may contain a password.
  throw new HostError('CONFIG', 'the environment variable https_proxy or all_proxy is not the URL of an HTTP proxy');
}
