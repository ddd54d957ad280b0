// A host whose clock is wrong refuses every certificate. It must not look for the fault at the server.
// Covers src/gateway/fetch/clock-doubt.ts
import { expect, onTestFinished, test } from 'vitest';
import { clockAt } from '../support/clock.ts';
import { Scene } from '../support/scene.ts';

test.each([
  [
    '-3d',
    'CERT_NOT_YET_VALID',
    /this host's clock says \S+Z, \d+ min before the installed list was signed: set the clock/,
  ],
  ['+5d', 'CERT_HAS_EXPIRED', /this host's clock says \S+Z, is that the time\?/],
  [
    '+30d',
    'CERT_HAS_EXPIRED',
    /this host's clock says \S+Z, when the installed list has expired as well: .*set the clock/,
  ],
])('a clock %s off: the message names the clock', async (offset, reason, says) => {
  const scene = await Scene.open();
  onTestFinished(() => scene.close());
  const { bundle } = await scene.refused('TLS', [], { env: clockAt(offset) });
  expect(bundle.message).toContain(reason);
  expect(bundle.message).toMatch(says);
});
