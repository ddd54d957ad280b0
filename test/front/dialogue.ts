// A command on a terminal, which is script(1)'s: each answer is typed once its question stands there.
import { spawn } from 'node:child_process';
import { once } from 'node:events';

export type Answer = readonly [question: RegExp, typed: string];

/** @param argv run by a shell, with the variables of `env` beside those of this process */
export async function dialogue(
  argv: readonly string[],
  answers: readonly Answer[],
  env: Readonly<Record<string, string>>,
): Promise<{ readonly status: number | null; readonly said: string }> {
  const line = argv.map((word) => `'${word}'`).join(' ');
  const child = spawn('script', ['--quiet', '--return', '--command', line, '/dev/null'], {
    env: { ...process.env, NO_COLOR: '1', TERM: 'xterm', ...env },
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  let [said, seen, next] = ['', 0, 0];
  child.stdout.on('data', (chunk: Buffer) => {
    said += chunk.toString();
    for (let found; next < answers.length;) {
      const [question, answer] = answers[next] ?? [/$/, ''];
      found = question.exec(said.slice(seen));
      if (found === null) return;
      seen = said.length;
      next++;
      child.stdin.write(answer);
    }
  });
  const [status] = (await once(child, 'close')) as [number | null];
  return { status, said: said.replaceAll('\r', '') };
}
