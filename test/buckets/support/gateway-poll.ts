// A real gateway that fetches without end, through a web server before a store.
import { Gateway, type BundleReport } from '../../support/gateway.ts';

/** nginx before a bucket that everybody may read. @param place bucket and prefix, with a slash at the end */
export const reverseProxy = (storeUrl: string, place: string, more = ''): string => `server {
listen 127.0.0.1:@port ssl;
server_name localhost;
ssl_certificate @cert;
ssl_certificate_key @key;
location / {
proxy_pass ${storeUrl}/${place};
proxy_set_header Host $proxy_host;
${more}
}
}`;

/** What a gateway may say before the first list is out. */
const BEFORE = new Set(['HTTP_STATUS']);

export class GatewayPoll {
  /** Whatever was wrong with an offer or a table. */
  readonly refused: string[] = [];
  readonly #gateway: Gateway;
  readonly #polling: Promise<void>;
  #waiting: ((report: BundleReport) => void)[] = [];
  #isOver = false;
  #installed = 0;

  constructor(gateway: Gateway) {
    this.#gateway = gateway;
    this.#polling = this.#poll();
  }

  /** The next cycle that began after this call. */
  async next(): Promise<BundleReport> {
    await this.#reported();
    return await this.#reported();
  }

  async stop(): Promise<readonly string[]> {
    this.#isOver = true;
    await this.#polling;
    return this.refused;
  }

  #reported(): Promise<BundleReport> {
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  async #poll(): Promise<void> {
    while (!this.#isOver) {
      const { bundle } = await this.#gateway.fetch();
      const { code, version } = bundle;
      if (code !== null && !(this.#installed === 0 && BEFORE.has(code)))
        this.refused.push(`${code}: ${bundle.message}`);
      if (version !== null && version < this.#installed)
        this.refused.push(`version ${version} after ${this.#installed}`);
      this.#installed = Math.max(this.#installed, version ?? 0);
      for (const tell of this.#waiting.splice(0)) tell(bundle);
    }
  }
}
