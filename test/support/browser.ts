// Debian's Chromium without a window, driven through a pipe by the DevTools protocol: no library between, no port.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import type { Readable, Writable } from 'node:stream';

type Message = Readonly<Record<string, unknown>>;
interface Reply {
  readonly id?: number;
  readonly sessionId?: string;
  readonly method?: string;
  readonly params?: Message;
  readonly result?: Message;
  readonly error?: { readonly message: string };
}

export interface Look {
  /** CSS pixels. */
  readonly width: number;
  readonly dark: boolean;
}

/** One browser with one page. */
export class Browser {
  /** What the page was refused or complained of since it was opened. */
  readonly complaints: string[] = [];
  /** Addresses that were asked for since the page was opened. */
  readonly requests: string[] = [];
  readonly #send: (method: string, params: Message, sessionId?: string) => Promise<Message>;
  readonly #end: () => Promise<void>;
  #session = '';
  readonly #waiting = new Map<string, () => void>();

  private constructor(
    send: (method: string, params: Message, sessionId?: string) => Promise<Message>,
    end: () => Promise<void>,
  ) {
    this.#send = send;
    this.#end = end;
  }

  static async open(): Promise<Browser> {
    const dir = mkdtempSync(path.join(os.tmpdir(), 'relaymap-browser-'));
    const child = spawn(
      'chromium-headless-shell',
      [
        '--remote-debugging-pipe',
        '--no-sandbox', // its sandbox wants not to be root, or namespaces
        '--disable-gpu',
        '--disable-dev-shm-usage',
        '--hide-scrollbars',
        '--force-color-profile=srgb',
        '--no-first-run',
        '--ignore-certificate-errors', // the tests have a CA of their own
        '--disable-background-networking',
        `--user-data-dir=${dir}`,
      ],
      { stdio: ['ignore', 'ignore', 'pipe', 'pipe', 'pipe'], env: { ...process.env, HOME: dir } },
    );
    let said = '';
    child.stderr?.on('data', (chunk: Buffer) => (said += chunk.toString()));
    const [input, output] = [child.stdio[3] as Writable, child.stdio[4] as Readable];
    const open = new Map<number, { resolve: (result: Message) => void; reject: (error: Error) => void }>();
    let last = 0;
    const send = (method: string, params: Message, sessionId?: string): Promise<Message> =>
      new Promise((resolve, reject) => {
        const id = ++last;
        open.set(id, { resolve, reject });
        input.write(`${JSON.stringify({ id, method, params, ...(sessionId === undefined ? {} : { sessionId }) })}\0`);
      });
    // Not `close`: the browser's own children may hold its stderr for a moment longer.
    const ended = once(child, 'exit').then(() => {
      for (const stream of [child.stderr, output, input]) stream?.destroy();
      for (const { reject } of open.values()) reject(new Error(`the browser ended: ${said}`));
      rmSync(dir, { recursive: true, force: true, maxRetries: 20, retryDelay: 100 });
    });
    input.on('error', () => undefined); // the browser ended; each question is told so
    const browser = new Browser(send, async () => {
      // It may end before it has answered.
      await Promise.allSettled([send('Browser.close', {}), ended]);
    });
    let rest = Buffer.alloc(0);
    output.on('data', (chunk: Buffer) => {
      rest = Buffer.concat([rest, chunk]);
      for (let at = rest.indexOf(0); at >= 0; at = rest.indexOf(0)) {
        const reply = JSON.parse(rest.subarray(0, at).toString()) as Reply;
        rest = rest.subarray(at + 1);
        if (reply.id === undefined) browser.#heard(reply);
        else {
          const asked = open.get(reply.id);
          open.delete(reply.id);
          if (reply.error === undefined) asked?.resolve(reply.result ?? {});
          else asked?.reject(new Error(reply.error.message));
        }
      }
    });
    const { targetId } = await send('Target.createTarget', { url: 'about:blank' });
    const { sessionId } = await send('Target.attachToTarget', { targetId, flatten: true });
    browser.#session = sessionId as string;
    for (const domain of ['Page', 'Runtime', 'Log', 'Network', 'Audits']) await browser.#ask(`${domain}.enable`);
    return browser;
  }

  /** Loads a page as a reader of this width and taste sees it. */
  async show(url: string, { width, dark }: Look): Promise<void> {
    this.complaints.length = 0;
    this.requests.length = 0;
    const size = { width, height: 900, deviceScaleFactor: 1, mobile: false };
    await this.#ask('Emulation.setDeviceMetricsOverride', size);
    const features = [{ name: 'prefers-color-scheme', value: dark ? 'dark' : 'light' }];
    await this.#ask('Emulation.setEmulatedMedia', { features });
    const loaded = new Promise<void>((resolve) => this.#waiting.set('Page.loadEventFired', resolve));
    const { errorText } = await this.#ask('Page.navigate', { url });
    if (errorText !== undefined) throw new Error(`${url}: ${errorText as string}`);
    await loaded;
  }

  /** Sends these headers with each request. */
  async headers(headers: Readonly<Record<string, string>>): Promise<void> {
    await this.#ask('Network.setExtraHTTPHeaders', { headers });
  }

  /** The value of an expression on the page; it may be a promise. */
  async evaluate<T>(expression: string): Promise<T> {
    const { result, exceptionDetails } = (await this.#ask('Runtime.evaluate', {
      expression,
      awaitPromise: true,
      returnByValue: true,
    })) as { result: { value: T }; exceptionDetails?: unknown };
    if (exceptionDetails !== undefined) throw new Error(JSON.stringify(exceptionDetails));
    return result.value;
  }

  /** A PNG of the page, from its top. @param height of the picture; the whole page by default. */
  async picture(height?: number): Promise<Buffer> {
    const [width, whole] = await this.evaluate<[number, number]>(
      '[document.documentElement.clientWidth, document.documentElement.scrollHeight]',
    );
    const clip = { x: 0, y: 0, width, height: Math.min(height ?? whole, whole), scale: 1 };
    const { data } = await this.#ask('Page.captureScreenshot', { format: 'png', clip, captureBeyondViewport: true });
    return Buffer.from(data as string, 'base64');
  }

  async close(): Promise<void> {
    await this.#end();
  }

  async #ask(method: string, params: Message = {}): Promise<Message> {
    return await this.#send(method, params, this.#session);
  }

  #heard({ method = '', params = {} }: Reply): void {
    this.#waiting.get(method)?.();
    if (method === 'Network.requestWillBeSent') this.requests.push((params['request'] as { url: string }).url);
    if (['Log.entryAdded', 'Audits.issueAdded', 'Runtime.exceptionThrown', 'Runtime.consoleAPICalled'].includes(method))
      this.complaints.push(`${method} ${JSON.stringify(params)}`);
  }
}
