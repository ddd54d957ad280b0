/** Turns whatever was thrown into an error with a code (docs/commands.md section 2.4). */
import { HostError, StepError } from '../errors.ts';
import { translateSpace } from '../io/atomic-file.ts';

/** Rights and places, not faults of ours. */
const HOST_CODES = new Set(['EACCES', 'EPERM', 'EROFS', 'ENOTDIR', 'EISDIR', 'ELOOP', 'ENXIO']);

/** Any error as one with a code. */
export function asStepError(error: unknown): StepError {
  const e = translateSpace(error, 'the state');
  if (e instanceof StepError) return e;
  if (e instanceof Error && 'code' in e && HOST_CODES.has(String(e.code))) {
    return new HostError('CONFIG', `${e.message}; check owner and mode of state_dir and map_dir`, e);
  }
  return new HostError('INTERNAL', e instanceof Error ? e.message : String(e), e);
}
