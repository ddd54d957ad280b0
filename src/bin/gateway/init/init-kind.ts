/** Which mail server `init` sets up: the one it is told, that of the configuration, or the one that is here. */
import { readFileSync } from 'node:fs';
import { HostError } from '../../../errors.ts';
import { KIND_NAMES, type Kind } from '../../../gateway/mta-kinds.ts';
import { kindHere } from '../../../gateway/mta/kind-here.ts';

/** @throws HostError CONFIG for a kind that is none */
export function kindFor({ config, mta }: { readonly config: string; readonly mta?: string }): Kind {
  if (mta !== undefined) {
    const kind = KIND_NAMES.find((name) => name === mta);
    if (kind === undefined) throw new HostError('CONFIG', `--mta ${mta} must be one of ${KIND_NAMES.join(', ')}`);
    return kind;
  }
  const text = textOf(config);
  const named = /^\s*kind\s*=\s*["'](\w+)["']/m.exec(text)?.[1];
  if (named !== undefined) return KIND_NAMES.find((name) => name === named) ?? 'postfix';
  return /^\s*\[\[\s*bundle\s*\]\]/m.test(text) ? 'postfix' : kindHere();
}

function textOf(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return ''; // not there yet; what cannot be read is said when it is prepared
  }
}
