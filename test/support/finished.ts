// What a command left behind, for every suite: started by a test, waited for here.
import { spawn, type ChildProcess } from 'node:child_process';
import { buffer } from 'node:stream/consumers';

/** A status other than 0 is a value here, not an error; it is null where a signal ended the command. */
export interface Finished {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface RunOptions {
  /** Added to this process's environment. */
  readonly env?: Readonly<Record<string, string>>;
  readonly input?: string | Uint8Array;
}

/**
 * Waits for the end of a command and of what it prints. @param input is written to it, where it has a standard
 * input.
 */
export async function whenFinished(child: ChildProcess, input: string | Uint8Array = ''): Promise<Finished> {
  const status = new Promise<number | null>((resolve, reject) => {
    child.on('error', reject).on('close', resolve);
  });
  const text = (stream: ChildProcess['stdout']) => (stream === null ? '' : buffer(stream).then(String));
  child.stdin?.on('error', () => undefined).end(input); // a command that ends without reading all: its status tells
  const [stdout, stderr] = await Promise.all([text(child.stdout), text(child.stderr)]);
  return { status: await status, stdout, stderr };
}

/** Runs a command, with the folders of system commands on its PATH. */
export function run(argv: readonly string[], { env = {}, input = '' }: RunOptions = {}): Promise<Finished> {
  const [command = '', ...args] = argv;
  const PATH = `${process.env['PATH'] ?? ''}:/usr/local/sbin:/usr/sbin:/sbin:/usr/bin:/bin`;
  return whenFinished(spawn(command, args, { env: { ...process.env, PATH, ...env }, stdio: 'pipe' }), input);
}

/** The result of a command that must work. */
export async function mustSucceed(finished: Finished | Promise<Finished>): Promise<Finished> {
  const { status, stdout, stderr } = await finished;
  if (status !== 0) throw new Error(`exit status ${status}\n${stdout}\n${stderr}`);
  return { status, stdout, stderr };
}
